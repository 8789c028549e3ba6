/* What libcurl can do when nothing stands before it: the yardstick of the benchmark.
 * raw calls URL COUNT             one after another, a fresh easy handle each, connection kept
 * raw parallel URL COUNT WIDTH    WIDTH in flight through one CURLM
 * raw flows URL COUNT WIDTH SIZE  start, PUT, complete; WIDTH flows in flight
 * raw put URL FILE                one PUT, read by pread
 * Prints one JSON object: count, wall and CPU seconds, peak memory in KiB. */
#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BODY                                                                                       \
  "{\"AttachmentName\":\"invoice.pdf\",\"AttachmentSizeInBytes\":65536,\"ClientToken\":"           \
  "\"0b8ce8ac-7ab9-4fa4-8a32-1fa13a2ea87f\",\"ContentType\":\"application/pdf\"}"

/* As long as ours, for both must send the same bytes: libcurl copies headers by the character. */
#define AGENT                                                                                      \
  "lua-connectparticipant/0.2.0 ua/2.1 os/linux lang/lua#5.4 md/libcurl#7.88.1 "                   \
  "api/connectparticipant#0.2.0"

static const char *ca_file;

struct answer {
  char bytes[16384];
  size_t size;
};

struct flow {
  CURL *easy;
  struct curl_slist *headers;
  struct answer answer;
  int step; /* 0 start, 1 put, 2 complete */
  size_t sent;
};

static size_t payload_size;
static char *payload;

static void die(const char *what) {
  fprintf(stderr, "raw: %s\n", what);
  exit(1);
}

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t on_body(char *data, size_t one, size_t size, void *user) {
  struct answer *answer = user;
  if (answer->size + size > sizeof answer->bytes) return 0;
  memcpy(answer->bytes + answer->size, data, size);
  answer->size += size;
  (void)one;
  return size;
}

static size_t on_read(char *out, size_t one, size_t room, void *user) {
  struct flow *flow = user;
  size_t left = payload_size - flow->sent;
  size_t size = left < room ? left : room;
  memcpy(out, payload + flow->sent, size);
  flow->sent += size;
  (void)one;
  return size;
}

static struct curl_slist *api_headers(void) {
  struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
  list = curl_slist_append(list, "X-Amz-Bearer: benchmark-connection-token");
  list = curl_slist_append(list, "User-Agent: " AGENT);
  list = curl_slist_append(list, "amz-sdk-invocation-id: 0b8ce8ac-7ab9-4fa4-8a32-1fa13a2ea87f");
  return curl_slist_append(list, "amz-sdk-request: attempt=1; max=3");
}

static void common(CURL *easy, const char *url, struct flow *flow) {
  curl_easy_setopt(easy, CURLOPT_URL, url);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &flow->answer);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, flow->headers);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, flow);
  if (ca_file != NULL) curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
  if (ca_file != NULL) curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
}

static void fresh(struct flow *flow, const char *url) {
  flow->answer.size = 0;
  flow->easy = curl_easy_init();
  flow->headers = api_headers();
  common(flow->easy, url, flow);
  curl_easy_setopt(flow->easy, CURLOPT_COPYPOSTFIELDS, BODY);
}

static void finish(struct flow *flow) {
  long status = 0;
  curl_easy_getinfo(flow->easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) die("the answer is no 200");
  curl_easy_cleanup(flow->easy);
  curl_slist_free_all(flow->headers);
}

static void calls(const char *url, long count) {
  CURLSH *share = curl_share_init();
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  struct flow flow = {0};
  for (long i = 0; i < count; i++) {
    fresh(&flow, url);
    curl_easy_setopt(flow.easy, CURLOPT_SHARE, share);
    if (curl_easy_perform(flow.easy) != CURLE_OK) die("a call failed");
    finish(&flow);
  }
  curl_share_cleanup(share);
}

/* Goes behind `mark` in the answer, which is no more JSON than the benchmark's server writes. */
static char *find(struct flow *flow, const char *mark) {
  char *found = strstr(flow->answer.bytes, mark);
  if (found == NULL) die("the answer lacks what the PUT needs");
  return found + strlen(mark);
}

/* Reads the JSON string that begins after the quote at `at` in place, and goes behind it. */
static char *read_string(char **at) {
  char *text = *at + 1, *in = text, *out = text;
  while (*in != '"') {
    if (*in == '\\') in++;
    *out++ = *in++;
  }
  *out = '\0';
  *at = in + 1;
  return text;
}

static struct curl_slist *headers_to_include(struct flow *flow) {
  struct curl_slist *list = curl_slist_append(NULL, "User-Agent: " AGENT);
  char line[512], *at = find(flow, "\"HeadersToInclude\":");
  while (*at != '}') {
    at++;
    const char *name = read_string(&at);
    at++;
    snprintf(line, sizeof line, "%s: %s", name, read_string(&at));
    if (strcmp(name, "Content-Length") != 0) list = curl_slist_append(list, line);
  }
  return list;
}

static void start_put(struct flow *flow) {
  flow->answer.bytes[flow->answer.size] = '\0';
  char *url = find(flow, "\"Url\":"); /* before strings are cut out of the answer */
  flow->headers = headers_to_include(flow);
  url = read_string(&url);
  flow->easy = curl_easy_init();
  flow->headers = curl_slist_append(flow->headers, "Expect:");
  common(flow->easy, url, flow);
  flow->answer.size = 0;
  flow->sent = 0;
  curl_easy_setopt(flow->easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(flow->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)payload_size);
  curl_easy_setopt(flow->easy, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(flow->easy, CURLOPT_READDATA, flow);
}

/* Moves the flow to its next request; false when it is over. */
static int next_step(struct flow *flow, const char *start, const char *complete, int steps) {
  finish(flow);
  if (++flow->step == steps) return 0;
  if (flow->step == 1) start_put(flow);
  if (flow->step == 2) fresh(flow, complete);
  (void)start;
  return 1;
}

/* COUNT flows of `steps` requests each, WIDTH at a time. */
static void parallel(const char *base, long count, long width, int steps) {
  char start[512], complete[512];
  snprintf(start, sizeof start, "%s/participant/start-attachment-upload", base);
  snprintf(complete, sizeof complete, "%s/participant/complete-attachment-upload", base);
  CURLM *multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, width * 2);
  struct flow *flows = calloc((size_t)width, sizeof *flows);
  long begun = 0, done = 0;
  for (; begun < width && begun < count; begun++) {
    fresh(&flows[begun], start);
    curl_multi_add_handle(multi, flows[begun].easy);
  }
  while (done < count) {
    int running, left;
    curl_multi_perform(multi, &running);
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
      struct flow *flow;
      if (message->data.result != CURLE_OK) die("a call failed");
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flow);
      curl_multi_remove_handle(multi, flow->easy);
      int more = next_step(flow, start, complete, steps);
      if (!more) done++;
      if (!more && begun < count) {
        flow->step = 0;
        fresh(flow, start);
        begun++;
        more = 1;
      }
      if (more) curl_multi_add_handle(multi, flow->easy);
    }
    if (done < count) curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
  curl_multi_cleanup(multi);
  free(flows);
}

static int input;
static curl_off_t input_at;

static size_t on_pread(char *out, size_t one, size_t room, void *user) {
  ssize_t size = pread(input, out, room, input_at);
  (void)one;
  (void)user;
  if (size < 0) return CURL_READFUNC_ABORT;
  input_at += size;
  return (size_t)size;
}

static void put(const char *url, const char *path) {
  struct stat status;
  struct flow flow = {0};
  input = open(path, O_RDONLY);
  if (input < 0 || fstat(input, &status) != 0) die("cannot open the file");
  flow.easy = curl_easy_init();
  flow.headers = curl_slist_append(NULL, "Expect:");
  common(flow.easy, url, &flow);
  curl_easy_setopt(flow.easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(flow.easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)status.st_size);
  curl_easy_setopt(flow.easy, CURLOPT_READFUNCTION, on_pread);
  if (curl_easy_perform(flow.easy) != CURLE_OK) die("the PUT failed");
  finish(&flow);
}

int main(int argc, char **argv) {
  if (argc < 4) die("usage: raw calls|parallel|flows|put URL ...");
  const char *mode = argv[1], *url = argv[2];
  long count = strcmp(mode, "put") == 0 ? 1 : atol(argv[3]);
  ca_file = getenv("RAW_CA_FILE");
  curl_global_init(CURL_GLOBAL_ALL);
  double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  if (strcmp(mode, "calls") == 0) {
    char start[512];
    snprintf(start, sizeof start, "%s/participant/start-attachment-upload", url);
    calls(start, count);
  } else if (strcmp(mode, "parallel") == 0 && argc == 5) {
    parallel(url, count, atol(argv[4]), 1);
  } else if (strcmp(mode, "flows") == 0 && argc == 6) {
    payload_size = (size_t)atol(argv[5]);
    payload = calloc(1, payload_size);
    parallel(url, count, atol(argv[4]), 3);
  } else if (strcmp(mode, "put") == 0) {
    put(url, argv[3]);
  } else {
    die("unknown mode");
  }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("{\"count\":%ld,\"wall\":%.6f,\"cpu\":%.6f,\"peak\":%ld}\n", count,
         seconds(CLOCK_MONOTONIC) - wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, usage.ru_maxrss);
  return 0;
}
