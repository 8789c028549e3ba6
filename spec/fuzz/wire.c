/* libFuzzer: the input is what a server sends over the wire, after a byte that says what was asked
 * for. A real exchange on a real engine has to end with a result or a reason, within its limits. */
#include "http/engine.h"
#include "http/exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1000 };

static int listener = -1, port;

static void listen_somewhere(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 16) != 0) abort();
  getsockname(listener, (struct sockaddr *)&address, &size);
  port = ntohs(address.sin_port);
}

/* Sends the bytes once a request has arrived, and closes the connection. */
static void serve(int *connection, const uint8_t **data, size_t *size) {
  char request[8192];
  if (*connection < 0) *connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (*connection < 0 || recv(*connection, request, sizeof request, 0) < 0) return;
  while (*size > 0) {
    ssize_t sent = send(*connection, *data, *size, MSG_NOSIGNAL);
    if (sent <= 0) break;
    *data += sent, *size -= (size_t)sent;
  }
  struct linger reset = {.l_onoff = 1}; /* or ports run out in TIME_WAIT */
  shutdown(*connection, SHUT_WR);
  while (recv(*connection, request, sizeof request, 0) > 0) continue;
  if (errno == EAGAIN) return;
  setsockopt(*connection, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close(*connection);
  *connection = -1;
}

static void check(const struct exchange *x) {
  struct failure failure = {0};
  if (x->answer.body.size > LIMIT || x->answer.headers.size > 512 * 1024) abort();
  if (exchange_failure(x, &failure)) {
    if (failure.kind == NULL || failure.code == NULL || *failure.code == '\0') abort();
    if (failure.message == NULL || *failure.message == '\0') abort();
  } else if (x->answer.status < 200 || x->answer.status > 999) {
    abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1) return 0;
  if (listener < 0) listen_somewhere();
  bool part = data[0] & 2;
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
  struct exchange x = {.done = true};
  struct transport transport = {.connect_timeout = 5, .stall_timeout = 5};
  struct http_request request = {.method = data[0] & 1 ? "POST" : "GET",
                                 .url = url,
                                 .headers = "A: b\0",
                                 .success_limit = LIMIT,
                                 .error_limit = LIMIT};
  if (data[0] & 1) request.body = "{}", request.body_size = 2;
  data++, size--;
  struct engine *engine = engine_new();
  exchange_clear(&x);
  if (part && request.body == NULL) {
    x.download.kind = DOWNLOAD_MEMORY, x.download.size = 5;
    x.is_transfer = true;
  }
  if (!exchange_begin(&x, &request, &transport, 10) || !engine_add(engine, &x)) abort();
  int connection = -1;
  for (int turns = 0; !x.done; turns++) {
    if (turns > 20000) abort();
    engine_step(engine, NULL);
    serve(&connection, &data, &size);
    if (!x.done) engine_wait(engine, turns < 500 ? 0 : 0.001);
  }
  check(&x);
  exchange_free(&x);
  engine_free(engine);
  if (connection >= 0) close(connection);
  return 0;
}
