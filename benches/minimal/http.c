/* The least that an HTTP server does for a file: recv, pread, send; with `memory` as third argument, recv and send.
 * One thread, epoll, level-triggered; GET only, whatever the path; a head must arrive in one piece. For comparison only.
 *
 *   http PORT FILE [memory] */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LARGEST = 1 << 20, HEAD = 512 };

static char answer[HEAD + LARGEST], request[16384];

int main(int argc, char **argv) {
    if (argc < 3) { fprintf(stderr, "usage: http PORT FILE [memory]\n"); return 2; }
    int in_memory = argc > 3 && strcmp(argv[3], "memory") == 0;
    int file = open(argv[2], O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (file < 0 || fstat(file, &about) < 0 || about.st_size > LARGEST) { perror(argv[2]); return 1; }
    size_t size = about.st_size;
    /* As many bytes of head as the reference server sends. */
    int head = snprintf(answer, HEAD,
                        "HTTP/1.1 200 OK\r\nServer: minimal\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\nAccept-Ranges: bytes\r\n"
                        "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n", size);
    if (pread(file, answer + head, size, 0) != (ssize_t)size) { perror("pread"); return 1; }

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) {
        perror("listen"); return 1;
    }
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (client < 0) continue;
                setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                event = (struct epoll_event){ .events = EPOLLIN, .data.fd = client };
                epoll_ctl(poll, EPOLL_CTL_ADD, client, &event);
                continue;
            }
            ssize_t got = recv(fd, request, sizeof request, 0);
            if (got <= 0) { if (got == 0 || errno != EAGAIN) close(fd); continue; }
            if (!memmem(request, got, "\r\n\r\n", 4) || memcmp(request, "GET ", 4) != 0) { close(fd); continue; }
            if (!in_memory && pread(file, answer + head, size, 0) != (ssize_t)size) { close(fd); continue; }
            if (send(fd, answer, head + size, MSG_NOSIGNAL) != (ssize_t)(head + size)) close(fd);
        }
    }
}
