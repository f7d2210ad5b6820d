// Stands in for msiexec where a test wants an exit code that no package gives at will. Notes how it was called, says that
// it runs, and waits for the word to go on, if there is to be one. Without a code it hands what is behind the switches to
// Windows Installer as it stands, as msiexec does; wine's drops quotation marks.
#include <stdio.h>
#include <wchar.h>
#include <windows.h>
#include <msi.h>

#define DIRECTORY L"C:\\updater tests\\msiexec\\"

static int install(wchar_t *line) {
  wchar_t *file = wcsstr(line, L"/i \"") + 4, *end = wcschr(file, L'"');
  wchar_t *properties = wcsstr(end, L"/promptrestart ") + 15;
  *end = 0;
  MsiSetInternalUI(INSTALLUILEVEL_NONE, NULL);
  return MsiInstallProductW(file, properties);
}

int wmain(void) {
  int code = 0, attempts = 600;
  wchar_t *line = GetCommandLineW();
  FILE *file = _wfopen(DIRECTORY L"line.tmp", L"wb");
  fwrite(line, sizeof(wchar_t), wcslen(line), file);
  fclose(file);
  MoveFileExW(DIRECTORY L"line.tmp", DIRECTORY L"line.txt", MOVEFILE_REPLACE_EXISTING);
  while (GetFileAttributesW(DIRECTORY L"wait.txt") != INVALID_FILE_ATTRIBUTES && attempts--) Sleep(50);
  file = _wfopen(DIRECTORY L"code.txt", L"rb");
  if (file == NULL) return install(line);
  if (fscanf(file, "%d", &code) != 1) return 1;
  fclose(file);
  return code;
}
