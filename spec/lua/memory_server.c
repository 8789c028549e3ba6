/* A server that answers one request a connection, and closes; see memory_server.h. What it answers
 * is in the request: its method, and words of its path. */
#include "lua/memory_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The answer to every operation, which ignores the members of others; with the port. */
static const char service[] =
    "{\"AttachmentId\":\"attachment\",\"NextToken\":\"next\",\"AttachmentSizeInBytes\":5,"
    "\"Transcript\":[{\"Content\":\"words\"}],\"Url\":\"http://127.0.0.1:%d/object\","
    "\"UrlExpiry\":\"2099-01-01T00:00:00.000Z\",\"UploadMetadata\":{"
    "\"Url\":\"http://127.0.0.1:%d/object\",\"UrlExpiry\":\"2099-01-01T00:00:00.000Z\","
    "\"HeadersToInclude\":{\"Content-Type\":\"text/plain\"}}}";
static const char refusal[] =
    "{\"__type\":\"AccessDeniedException\",\"message\":\"no such token\"}";
static const char xml[] = "<Error><Code>AccessDenied</Code><Message>not signed</Message>"
                          "<RequestId>R1</RequestId></Error>";

static int port;

static void answer(int connection, const char *request) {
  char text[4096], own[1024];
  const char *status = "200 OK", *more = "ETag: \"e\"\r\n", *body = "";
  if (strncmp(request, "PUT", 3) == 0) {
    if (strstr(request, "denied") != NULL) status = "403 Forbidden", body = xml;
  } else if (strstr(request, "Range: bytes=2-") != NULL) {
    status = "206 Partial Content", body = "llo";
    more = "ETag: \"e\"\r\nContent-Range: bytes 2-4/5\r\n";
  } else if (strncmp(request, "GET /object", 11) == 0) {
    body = "hello";
  } else if (strstr(request, "disconnect") != NULL) {
    status = "403 Forbidden", body = refusal;
  } else {
    snprintf(own, sizeof own, service, port, port);
    more = "x-amzn-RequestId: request-1\r\n", body = own;
  }
  int size = snprintf(text, sizeof text,
                      "HTTP/1.1 %s\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n%s", status,
                      more, strlen(body), body);
  send(connection, text, (size_t)size, MSG_NOSIGNAL);
}

/* Whether the whole request has arrived: its headers, and the body that they announce. */
static int is_whole(const char *request) {
  const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
  if (end == NULL) return 0;
  return length == NULL || strlen(end + 4) >= (size_t)atoi(length + 16);
}

static void serve(int connection) {
  char request[16384];
  struct timeval limit = {.tv_sec = 10};
  struct linger reset = {.l_onoff = 1}; /* or ports run out in TIME_WAIT */
  size_t size = 0;
  ssize_t got = 1;
  request[0] = '\0';
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  while (got > 0 && size < sizeof request - 1 && !is_whole(request)) {
    got = recv(connection, request + size, sizeof request - 1 - size, 0);
    if (got > 0) size += (size_t)got;
    request[size] = '\0';
  }
  if (got > 0) answer(connection, request);
  shutdown(connection, SHUT_WR);
  while (recv(connection, request, sizeof request, 0) > 0) continue;
  setsockopt(connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(connection);
}

static void *serve_one(void *argument) {
  serve((int)(intptr_t)argument);
  return NULL;
}

/* In a thread of its own, so that no client waits behind one that has given up. */
static void serve_alone(int listener) {
  pthread_t thread;
  int connection = accept(listener, NULL, NULL);
  if (connection < 0) return;
  if (pthread_create(&thread, NULL, serve_one, (void *)(intptr_t)connection) != 0) _exit(4);
  pthread_detach(thread);
}

int memory_server_start(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 64) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0)
    exit(3);
  pid_t parent = getpid();
  port = ntohs(address.sin_port);
  if (fork() == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) serve_alone(listener);
    _exit(0);
  }
  close(listener);
  return port;
}
