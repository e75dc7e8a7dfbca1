/* The least that an echo server does: recv, send. Left out, of what the reference server does: a send that the kernel cuts
 * short, limits, timers and counters, memory for each connection, and of frames their header and their checksum.
 *
 *   echo PORT */
#include "serve.h"

static char bytes[65536];

static inline void answer_on(int fd) {
    ssize_t got = recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) { if (got == 0 || errno != EAGAIN) close(fd); return; }
    if (send(fd, bytes, got, MSG_NOSIGNAL) != got) close(fd);
}

int main(int argc, char **argv) {
    if (argc < 2) { fprintf(stderr, "usage: echo PORT\n"); return 2; }
    return serve(argv[1]);
}
