/* Endpoint rules; see endpoint.h. */
#include "aws/endpoint.h"
#include "http/url.h"
#include "base/ascii.h"
#include "base/secrets.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_ENDPOINT = 2048 };

struct partition {
  const char *name;
  const char *suffix;
  const char *dualstack_suffix;
  const char *global;      /* the partition's pseudo region */
  const char *prefixes[9]; /* of region names, before \w+-\d+ (AWS's regionRegex) */
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

/* Matches \w+-\d+ to the end. */
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

/* Unknown regions belong to the partition aws, as in AWS's aws.partition() function. */
static const struct partition *partition_of(const char *region) {
  size_t count = sizeof partitions / sizeof *partitions;
  for (size_t i = 0; i < count; i++) {
    if (owns_region(&partitions[i], region)) return &partitions[i];
  }
  return &partitions[0];
}

static enum endpoint_result refuse(struct endpoint_problem *problem, const char *option,
                                   const char *before, const char *what) {
  problem->option = option;
  snprintf(problem->message, sizeof problem->message, "%s%s", before, what);
  return ENDPOINT_REFUSED;
}

/* Returns NULL, or why the custom endpoint cannot be used. */
static const char *problem_of_url(const struct endpoint_rules *rules, bool *https) {
  struct url url;
  const char *what = url_parse(&url, rules->endpoint, LONGEST_ENDPOINT);
  if (what != NULL) return what;
  bool safe = url_is_safe(&url, rules->allow_insecure), query = url.query;
  *https = url.https;
  url_free(&url);
  if (query) return "it must not contain a query";
  if (!safe) return "http is allowed to loopback only, unless the option allow_insecure is set";
  return NULL;
}

static enum endpoint_result custom(const struct endpoint_rules *rules, struct buffer *out,
                                   bool *https, struct endpoint_problem *problem) {
  const char *text = rules->endpoint, *what = problem_of_url(rules, https);
  size_t size = strlen(text);
  if (what != NULL) return refuse(problem, "endpoint", "the endpoint cannot be used: ", what);
  while (size > 0 && text[size - 1] == '/') size--;
  return text_add_ascii(out, text, size) ? ENDPOINT_RESOLVED : ENDPOINT_NO_MEMORY;
}

static enum endpoint_result regional(const struct endpoint_rules *rules, struct buffer *out) {
  const struct partition *partition = partition_of(rules->region);
  bool gov = strcmp(partition->name, "aws-us-gov") == 0;
  /* An exception in AWS's rule set: GovCloud's FIPS endpoint has the ordinary name, unless it is
   * dual-stack. */
  bool fips_name = rules->use_fips && (!gov || rules->use_dualstack);
  bool whole = buffer_format(
      out, "https://participant.connect%s.%s.%s", fips_name ? "-fips" : "", rules->region,
      rules->use_dualstack ? partition->dualstack_suffix : partition->suffix);
  return whole ? ENDPOINT_RESOLVED : ENDPOINT_NO_MEMORY;
}

static enum endpoint_result refuse_region(const char *region, struct endpoint_problem *problem) {
  struct buffer clean = {0};
  bool whole = secrets_add_clean(&clean, region, strlen(region), NULL, 80);
  problem->option = "region";
  snprintf(problem->message, sizeof problem->message,
           "Region not accepted: region=\"%s\" is not a valid hostname component.",
           buffer_text(&clean));
  buffer_free(&clean);
  return whole ? ENDPOINT_REFUSED : ENDPOINT_NO_MEMORY;
}

enum endpoint_result endpoint_resolve(const struct endpoint_rules *rules, struct buffer *url,
                                      bool *https, struct endpoint_problem *problem) {
  static const char fips[] = "FIPS and custom endpoint are not supported";
  static const char dualstack[] = "Dualstack and custom endpoint are not supported";
  static const char missing[] = "set AWS_REGION, a profile's region, or the option region";
  static const char invalid[] = "Invalid Configuration: ";
  bool is_custom = rules->endpoint != NULL;
  if (is_custom && rules->use_fips) return refuse(problem, "use_fips", invalid, fips);
  if (is_custom && rules->use_dualstack)
    return refuse(problem, "use_dualstack", invalid, dualstack);
  if (is_custom) return custom(rules, url, https, problem);
  if (rules->region == NULL) return refuse(problem, "region", "no region: ", missing);
  if (!text_is_host_label(rules->region, strlen(rules->region)))
    return refuse_region(rules->region, problem);
  *https = true;
  return regional(rules, url);
}
