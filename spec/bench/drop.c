/* A server that drops what it is sent: reads each PUT to its end, then answers 200. With a
 * certificate and a key it speaks TLS. Loopback only, a thread a connection. It does not sleep
 * while a plain body arrives: where a sleeper is on another core, each send that wakes it takes
 * three times as long, and whether it gets to sleep is luck.
 * drop [CERTIFICATE KEY]      prints its process id and its port; ends with its parent */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024 };

static SSL_CTX *tls;

struct peer {
  int fd;
  SSL *ssl;
};

static int receive(struct peer *p, char *out, int room) {
  if (p->ssl != NULL) return SSL_read(p->ssl, out, room);
  return (int)recv(p->fd, out, (size_t)room, 0);
}

/* The same for bytes of a body, which are on their way: looks again and again. */
static int receive_body(struct peer *p, char *out, int room) {
  if (p->ssl != NULL) return receive(p, out, room);
  for (;;) {
    ssize_t got = recv(p->fd, out, (size_t)room, MSG_DONTWAIT);
    if (got >= 0 || errno != EAGAIN) return (int)got;
    sched_yield(); /* to the client, where there is one core */
  }
}

static void answer(struct peer *p, const char *text) {
  int size = (int)strlen(text);
  if (p->ssl != NULL) SSL_write(p->ssl, text, size);
  if (p->ssl == NULL && send(p->fd, text, (size_t)size, MSG_NOSIGNAL) != size) return;
}

/* Reads one request; returns 0 when the connection is over. */
static int serve_one(struct peer *p, char *buffer) {
  int size = 0;
  char *end = NULL;
  while (end == NULL) {
    int got = receive(p, buffer + size, BUFFER - 1 - size);
    if (got <= 0) return 0;
    size += got;
    buffer[size] = '\0';
    end = strstr(buffer, "\r\n\r\n");
  }
  const char *length = strcasestr(buffer, "\r\ncontent-length:");
  long long left = length == NULL ? 0 : atoll(length + 17);
  if (strcasestr(buffer, "\r\nexpect:") != NULL) answer(p, "HTTP/1.1 100 Continue\r\n\r\n");
  left -= size - (end + 4 - buffer);
  while (left > 0) {
    int got = receive_body(p, buffer, left < BUFFER ? (int)left : BUFFER);
    if (got <= 0) return 0;
    left -= got;
  }
  answer(p, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  return 1;
}

static void *serve(void *argument) {
  struct peer peer = {(int)(long)argument, NULL};
  char *buffer = malloc(BUFFER);
  int alive = 1;
  if (tls != NULL) {
    peer.ssl = SSL_new(tls);
    SSL_set_fd(peer.ssl, peer.fd);
    alive = SSL_accept(peer.ssl) == 1;
  }
  while (alive && serve_one(&peer, buffer)) continue;
  SSL_free(peer.ssl);
  close(peer.fd);
  free(buffer);
  return NULL;
}

int main(int argc, char **argv) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  pthread_t thread;
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (argc == 3) {
    tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, argv[2], SSL_FILETYPE_PEM) != 1) {
      return 1;
    }
  }
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 128) != 0)
    return 1;
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n%d\n", (int)getpid(), ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (pthread_create(&thread, NULL, serve, (void *)(long)fd) != 0) return 1;
    pthread_detach(thread);
  }
}
