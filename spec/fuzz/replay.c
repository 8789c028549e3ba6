/* Runs a target with each file that is named, without libFuzzer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(names[i], "rb");
    if (file == NULL) return 1;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    printf("%s\n", names[i]);
    fflush(stdout);
    uint8_t *exact = malloc(size > 0 ? size : 1);
    for (size_t j = 0; exact != NULL && j < size; j++) exact[j] = bytes[j];
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
  }
  printf("%d inputs\n", count - 1);
  return 0;
}
