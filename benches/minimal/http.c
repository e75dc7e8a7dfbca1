/* The least that an HTTP server does for a file: recv, pread, send; with `memory` as third argument, recv and send. It looks
 * for the end of the head and for GET.
 * Left out, of what the reference server does: the path and the fields of a request, a head in several pieces, the date and
 * the change of the file, a send that the kernel cuts short, limits, timers and counters, memory for each connection.
 *
 *   http PORT FILE [memory] */
#include "serve.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST = 1 << 20, HEAD = 512 };

static char answer[HEAD + LARGEST], request[16384];
static int in_memory, file, head;
static size_t size;

static inline void answer_on(int fd) {
    ssize_t got = recv(fd, request, sizeof request, 0);
    if (got <= 0) { if (got == 0 || errno != EAGAIN) close(fd); return; }
    if (!memmem(request, got, "\r\n\r\n", 4) || memcmp(request, "GET ", 4) != 0) { close(fd); return; }
    if (!in_memory && pread(file, answer + head, size, 0) != (ssize_t)size) { close(fd); return; }
    if (send(fd, answer, head + size, MSG_NOSIGNAL) != (ssize_t)(head + size)) close(fd);
}

int main(int argc, char **argv) {
    if (argc < 3) { fprintf(stderr, "usage: http PORT FILE [memory]\n"); return 2; }
    in_memory = argc > 3 && strcmp(argv[3], "memory") == 0;
    file = open(argv[2], O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (file < 0 || fstat(file, &about) < 0 || about.st_size > LARGEST) { perror(argv[2]); return 1; }
    size = about.st_size;
    /* As many bytes of head as the reference server sends. */
    head = snprintf(answer, HEAD,
                        "HTTP/1.1 200 OK\r\nServer: minimal\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\nAccept-Ranges: bytes\r\n"
                        "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n", size);
    if (pread(file, answer + head, size, 0) != (ssize_t)size) { perror("pread"); return 1; }
    return serve(argv[1]);
}
