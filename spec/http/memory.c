/* Lets each allocation of an exchange fail in turn, on one engine: the exchange may fail, the next
 * one may not, and nothing is lost. Links csrc/http and csrc/base alone. Linked with --wrap for the
 * allocator's functions, so that libcurl's own allocations go well; see memory_spec.lua. */
#include "http/engine.h"
#include "http/exchange.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *text);

static int blocks, count, failing; /* the allocation of this number fails */

static bool fails(void) {
  return ++count == failing;
}

void *__wrap_malloc(size_t size) {
  void *memory = fails() ? NULL : __real_malloc(size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_calloc(size_t number, size_t size) {
  void *memory = fails() ? NULL : __real_calloc(number, size);
  blocks += memory != NULL;
  return memory;
}

void *__wrap_realloc(void *memory, size_t size) {
  if (fails()) return NULL;
  blocks += memory == NULL;
  return __real_realloc(memory, size);
}

void __wrap_free(void *memory) {
  blocks -= memory != NULL;
  __real_free(memory);
}

char *__wrap_strdup(const char *text) {
  char *copy = fails() ? NULL : __real_strdup(text);
  blocks += copy != NULL;
  return copy;
}

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

/* Answers what has come, and closes. */
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

static bool exchange(struct engine *engine, int fail) {
  struct exchange x = {.done = true};
  struct transport transport = {.connect_timeout = 5, .stall_timeout = 5};
  struct failure failure = {0};
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/%d", port, fail > 0);
  struct http_request request = {.method = "POST",
                                 .url = url,
                                 .headers = "A: b\0",
                                 .body = "{}",
                                 .body_size = 2,
                                 .success_limit = 100,
                                 .error_limit = 100};
  exchange_clear(&x);
  count = 0;
  failing = fail;
  bool begun = exchange_begin(&x, &request, &transport, 5) && engine_add(engine, &x);
  while (begun && !x.done) {
    engine_wait(engine, 0.001);
    engine_step(engine, NULL);
    serve();
  }
  failing = 0;
  while (engine_next_ready(engine) > 0) continue;
  bool good = begun && !exchange_failure(&x, &failure) && x.answer.body.size == 5 &&
              answer_header(&x.answer, "etag") != NULL;
  exchange_free(&x);
  return good;
}

int main(void) {
  int failed = 0, most = 0;
  listen_somewhere();
  struct engine *first = engine_new();
  if (!exchange(first, 0)) return puts("no exchange succeeds");
  engine_free(first);
  int before = blocks;
  for (int fail = 1; fail <= 40; fail++) {
    struct engine *engine = engine_new();
    if (!exchange(engine, fail)) failed++, most = fail;
    if (!exchange(engine, 0)) printf("after allocation %d failed, so did the next\n", fail);
    engine_free(engine);
  }
  if (blocks != before) printf("%d blocks are lost\n", blocks - before);
  if (failed < 3 || most >= 40) printf("%d failed, the last at allocation %d\n", failed, most);
  puts("done");
  return 0;
}
