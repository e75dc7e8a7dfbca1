/* What an answer of a head and a body costs, by the way in which both come into one stream: CPU time of sending it over
 * loopback and of taking it off again without a copy, in nanoseconds.
 *
 *   border FOLDER [ROUNDS]
 *
 * Files of each size are written into FOLDER, so that one hot file does not stand for all. In each round every way has its
 * turn, in changing order; the medians of all rounds are printed, a line for each size. Left out: a request, epoll, and a
 * receiver that is slow. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 64, HEAD = 200, LARGEST = 65536, BATCH = 256, MOST_ROUNDS = 1001 };

static char head[HEAD], answer[HEAD + LARGEST];
static char *body[FILES], *whole[FILES];
static int file[FILES], out, in;
static size_t size;

static void check(ssize_t got, ssize_t wanted, const char *what) {
    if (got != wanted) { perror(what); exit(1); }
}

static void send_whole(int i) { check(send(out, whole[i], HEAD + size, MSG_NOSIGNAL), HEAD + size, "send"); }

static void copy_and_send(int i) {
    memcpy(answer, head, HEAD);
    memcpy(answer + HEAD, body[i], size);
    check(send(out, answer, HEAD + size, MSG_NOSIGNAL), HEAD + size, "send");
}

static void write_both(int i) {
    struct iovec both[] = { { head, HEAD }, { body[i], size } };
    check(writev(out, both, 2), HEAD + size, "writev");
}

static void read_and_send(int i) {
    memcpy(answer, head, HEAD);
    check(pread(file[i], answer + HEAD, size, 0), size, "pread");
    check(send(out, answer, HEAD + size, MSG_NOSIGNAL), HEAD + size, "send");
}

static void read_and_write_both(int i) {
    check(pread(file[i], answer + HEAD, size, 0), size, "pread");
    struct iovec both[] = { { head, HEAD }, { answer + HEAD, size } };
    check(writev(out, both, 2), HEAD + size, "writev");
}

static void send_file(int i) {
    off_t at = 0;
    check(send(out, head, HEAD, MSG_NOSIGNAL | MSG_MORE), HEAD, "send");
    check(sendfile(out, file[i], &at, size), size, "sendfile");
}

static const struct { const char *name; void (*way)(int); } WAYS[] = {
    { "whole", send_whole },         { "copy", copy_and_send },             { "writev", write_both },
    { "read+send", read_and_send },  { "read+writev", read_and_write_both }, { "sendfile", send_file },
};
enum { COUNT = sizeof WAYS / sizeof *WAYS };

static double cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

static double measure(void (*way)(int)) {
    double begin = cpu_ns();
    for (int n = 0; n < BATCH; n++) {
        way(n % FILES);
        for (size_t left = HEAD + size; left > 0;) {
            ssize_t got = recv(in, NULL, left, MSG_TRUNC);
            if (got <= 0) { perror("recv"); exit(1); }
            left -= got;
        }
    }
    return (cpu_ns() - begin) / BATCH;
}

static void connect_both(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, room = 1 << 20;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    check(bind(listener, (struct sockaddr *)&address, length), 0, "bind");
    check(listen(listener, 1), 0, "listen");
    getsockname(listener, (struct sockaddr *)&address, &length);
    in = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(in, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    check(connect(in, (struct sockaddr *)&address, length), 0, "connect");
    out = accept(listener, NULL, NULL);
    setsockopt(out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    close(listener);
}

static void make_files(const char *folder) {
    for (int i = 0; i < FILES; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/border-%d", folder, i);
        file[i] = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (file[i] < 0) { perror(name); exit(1); }
        unlink(name);
        body[i] = malloc(LARGEST);
        whole[i] = malloc(HEAD + LARGEST);
        memset(body[i], i + 1, LARGEST);
        memset(whole[i], i + 1, HEAD + LARGEST);
        check(pwrite(file[i], body[i], LARGEST, 0), LARGEST, "pwrite");
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc < 2) { fprintf(stderr, "usage: border FOLDER [ROUNDS]\n"); return 2; }
    int rounds = argc > 2 ? atoi(argv[2]) : 101;
    if (rounds < 1 || rounds > MOST_ROUNDS) { fprintf(stderr, "1 to %d rounds\n", MOST_ROUNDS); return 2; }
    static double costs[COUNT][MOST_ROUNDS];
    memset(head, 'h', HEAD);
    make_files(argv[1]);
    connect_both();
    printf("bytes");
    for (int w = 0; w < COUNT; w++) printf(" %s", WAYS[w].name);
    printf("\n");
    for (size = 256; size <= LARGEST; size *= 2) {
        for (int round = -3; round < rounds; round++)
            for (int w = 0; w < COUNT; w++) {
                int turn = (w + round + 3) % COUNT;
                double ns = measure(WAYS[turn].way);
                if (round >= 0) costs[turn][round] = ns;
            }
        printf("%zu", size);
        for (int w = 0; w < COUNT; w++) {
            qsort(costs[w], rounds, sizeof(double), ascending);
            printf(" %.0f", costs[w][rounds / 2]);
        }
        printf("\n");
        fflush(stdout);
    }
}
