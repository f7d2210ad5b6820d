// Stands in for msiexec where a test wants an exit code that no package gives at will. Notes how it was called, says that
// it runs, and waits for the word to go on, if there is to be one.
#include <stdio.h>
#include <wchar.h>
#include <windows.h>

#define DIRECTORY L"C:\\updater tests\\msiexec\\"

int wmain(void) {
  int code = 0;
  FILE *file = _wfopen(DIRECTORY L"line.tmp", L"wb");
  fwrite(GetCommandLineW(), sizeof(wchar_t), wcslen(GetCommandLineW()), file);
  fclose(file);
  MoveFileExW(DIRECTORY L"line.tmp", DIRECTORY L"line.txt", MOVEFILE_REPLACE_EXISTING);
  int attempts = 600;
  while (GetFileAttributesW(DIRECTORY L"wait.txt") != INVALID_FILE_ATTRIBUTES && attempts--) Sleep(50);
  file = _wfopen(DIRECTORY L"code.txt", L"rb");
  if (file == NULL || fscanf(file, "%d", &code) != 1) return 1;
  fclose(file);
  return code;
}
