/* Lets each allocation of an exchange fail in turn, ours or libcurl's, alone or with all that
 * follow: the exchange may fail, the next one of the same engine may not, and no block is lost.
 * Linked with csrc/http, csrc/base and spec/support/failing.c alone; see memory_spec.lua. */
#include "http/engine.h"
#include "http/exchange.h"
#include "support/failing.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int exchanges;
static int listener, connection = -1, port;

static void listen_somewhere(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  bind(listener, (struct sockaddr *)&address, size);
  listen(listener, 16);
  getsockname(listener, (struct sockaddr *)&address, &size);
  port = ntohs(address.sin_port);
}

/* Answers a request that has arrived, and closes the connection. */
static void serve(void) {
  static const char answer[] = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 5\r\n\r\nhello";
  char request[4096];
  if (connection < 0) connection = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
  ssize_t got = connection < 0 ? -1 : recv(connection, request, sizeof request, 0);
  if (got > 0) send(connection, answer, sizeof answer - 1, MSG_NOSIGNAL);
  if (connection < 0 || (got < 0 && connection >= 0)) return;
  close(connection);
  connection = -1;
}

static bool exchange(struct engine *engine, struct failing *f, int at) {
  struct exchange x = {.done = true};
  struct transport transport = {.connect_timeout = 5, .stall_timeout = 5};
  struct failure failure = {0};
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/%d", port, at > 0);
  struct http_request request = {.method = "POST",
                                 .url = url,
                                 .headers = "A: b\0",
                                 .body = "{}",
                                 .body_size = 2,
                                 .success_limit = 100,
                                 .error_limit = 100};
  exchanges++;
  exchange_clear(&x);
  failing_begin(f, at);
  bool begun = exchange_begin(&x, &request, &transport, 5) && engine_add(engine, &x);
  while (begun && !x.done) {
    engine_wait(engine, 0.001);
    engine_step(engine, NULL);
    serve();
  }
  f->at = 0;
  while (engine_next_ready(engine) > 0) continue;
  bool good = begun && !exchange_failure(&x, &failure) && x.answer.body.size == 5 &&
              answer_header(&x.answer, "etag") != NULL;
  exchange_free(&x);
  return good;
}

/* Lets each allocation fail, from the first to the last. */
static void try_all(struct failing *f, bool alone) {
  int failed = 0, last = 1, before = failing_blocks;
  f->alone = alone;
  for (int at = 1; at <= last && at < 5000; at++) {
    struct engine *engine = engine_new();
    if (!exchange(engine, f, at)) failed++;
    if (f->seen >= at) last = at + 1;
    if (!exchange(engine, f, 0))
      printf("after %s allocation %d failed, so did the next exchange\n", f->whose, at);
    engine_free(engine);
    if (failing_blocks != before)
      printf("%s allocation %d: %d blocks are lost\n", f->whose, at, failing_blocks - before);
    before = failing_blocks;
  }
  if (failed < 3) printf("only %d of %d failed for want of %s memory\n", failed, last, f->whose);
}

int main(void) {
  if (curl_global_init_mem(CURL_GLOBAL_ALL, failing_curl_malloc, failing_curl_free,
                           failing_curl_realloc, failing_curl_strdup,
                           failing_curl_calloc) != CURLE_OK)
    return puts("libcurl takes no allocator");
  listen_somewhere();
  struct engine *first = engine_new();
  if (!exchange(first, &failing_ours, 0)) return puts("no exchange succeeds");
  engine_free(first);
  for (int i = 0; i < 4; i++) try_all(i < 2 ? &failing_ours : &failing_libcurls, i % 2 == 0);
  printf("%d exchanges\n", exchanges);
  return 0;
}
