// Stands in for the relauncher of another version of the package: it takes no job, and answers with its own version. HELD_UP:
// for one that something keeps from running.
#include <stdio.h>
#include <windows.h>

int main(void) {
#ifdef HELD_UP
  Sleep(INFINITE);
#endif
  unsigned long long header[2], version = 99;
  DWORD count;
  HANDLE input = GetStdHandle(STD_INPUT_HANDLE);
  if (!ReadFile(input, header, sizeof header, &count, NULL) || count != sizeof header) return 1;
  return !WriteFile((HANDLE)(ULONG_PTR)header[1], &version, sizeof version, &count, NULL);
}
