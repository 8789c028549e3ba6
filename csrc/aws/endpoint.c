/* Endpoint rules; see endpoint.h. */
#include "aws/endpoint.h"
#include "http/url.h"
#include "base/ascii.h"
#include "base/secrets.h"
#include "base/text.h"

#include <string.h>

enum { LONGEST_ENDPOINT = 2048 };

struct partition {
  const char *name;
  const char *suffix;
  const char *dualstack_suffix;
  const char *global;      /* the pseudo region of the whole partition */
  const char *prefixes[9]; /* of its regions, which go on as AWS's regionRegex: \w+-\d+ */
};

/* clang-format off */
static const struct partition partitions[] = {
  { "aws",        "amazonaws.com",    "api.aws",                      "aws-global",
    { "us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-" } },
  { "aws-cn",     "amazonaws.com.cn", "api.amazonwebservices.com.cn", "aws-cn-global",
    { "cn-" } },
  { "aws-eusc",   "amazonaws.eu",     "api.amazonwebservices.eu",     NULL,
    { "eusc-de-" } },
  { "aws-iso",    "c2s.ic.gov",       "api.aws.ic.gov",               "aws-iso-global",
    { "us-iso-" } },
  { "aws-iso-b",  "sc2s.sgov.gov",    "api.aws.scloud",               "aws-iso-b-global",
    { "us-isob-" } },
  { "aws-iso-e",  "cloud.adc-e.uk",   "api.cloud-aws.adc-e.uk",       "aws-iso-e-global",
    { "eu-isoe-" } },
  { "aws-iso-f",  "csp.hci.ic.gov",   "api.aws.hci.ic.gov",           "aws-iso-f-global",
    { "us-isof-" } },
  { "aws-us-gov", "amazonaws.com",    "api.aws",                      "aws-us-gov-global",
    { "us-gov-" } },
};
/* clang-format on */

/* \w+-\d+ up to the end */
static bool is_place_and_number(const char *s) {
  const char *start = s;
  while (ascii_is_alnum(*s) || *s == '_') s++;
  if (s == start || *s != '-') return false;
  start = ++s;
  while (ascii_is_digit(*s)) s++;
  return s > start && *s == '\0';
}

static bool owns_region(const struct partition *partition, const char *region) {
  if (partition->global != NULL && strcmp(partition->global, region) == 0) return true;
  for (size_t i = 0; i < 9 && partition->prefixes[i] != NULL; i++) {
    size_t length = strlen(partition->prefixes[i]);
    if (strncmp(region, partition->prefixes[i], length) == 0 &&
        is_place_and_number(region + length)) {
      return true;
    }
  }
  return false;
}

/* A region nobody knows yet belongs to the partition aws, as AWS's aws.partition() has it. */
static const struct partition *partition_of(const char *region) {
  size_t count = sizeof partitions / sizeof *partitions;
  for (size_t i = 0; i < count; i++) {
    if (owns_region(&partitions[i], region)) return &partitions[i];
  }
  return &partitions[0];
}

static bool custom(const struct endpoint_rules *rules, struct buffer *out, struct buffer *problem) {
  const char *text = rules->endpoint;
  size_t size = strlen(text);
  CURLU *parsed = NULL;
  const char *what = url_parse(text, LONGEST_ENDPOINT, rules->allow_insecure, &parsed);
  curl_url_cleanup(parsed);
  if (what == NULL && strchr(text, '?') != NULL) what = "it must not hold a query";
  if (what != NULL) {
    buffer_add_text(problem, "Invalid Configuration: the endpoint cannot be used: ");
    return !buffer_add_text(problem, what);
  }
  while (size > 0 && text[size - 1] == '/') size--;
  return buffer_add(out, text, size);
}

static bool regional(const struct endpoint_rules *rules, struct buffer *out) {
  const struct partition *partition = partition_of(rules->region);
  bool gov = strcmp(partition->name, "aws-us-gov") == 0;
  /* The rule set's exception: FIPS in GovCloud is the ordinary name, unless it is dual-stack. */
  bool fips_name = rules->use_fips && (!gov || rules->use_dualstack);
  return buffer_format(out, "https://participant.connect%s.%s.%s", fips_name ? "-fips" : "",
                       rules->region,
                       rules->use_dualstack ? partition->dualstack_suffix : partition->suffix);
}

bool endpoint_resolve(const struct endpoint_rules *rules, struct buffer *url,
                      struct buffer *problem) {
  const char *what = NULL;
  if (rules->endpoint != NULL && rules->use_fips) {
    what = "Invalid Configuration: FIPS and custom endpoint are not supported";
  } else if (rules->endpoint != NULL && rules->use_dualstack) {
    what = "Invalid Configuration: Dualstack and custom endpoint are not supported";
  } else if (rules->endpoint != NULL) {
    return custom(rules, url, problem);
  } else if (rules->region == NULL) {
    what = "Invalid Configuration: Missing Region";
  } else if (!text_is_host_label(rules->region, strlen(rules->region))) {
    buffer_add_text(problem, "Region not accepted: region=\"");
    secrets_add_clean(problem, rules->region, strlen(rules->region), NULL, 80);
    what = "\" is not a valid hostname component.";
  }
  if (what != NULL) return !buffer_add_text(problem, what);
  return regional(rules, url);
}
