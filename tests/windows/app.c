// The application that is updated, and what has to be asked of Windows itself.
//   App.exe [argument...]           notes version, directory and arguments in started.txt beside itself
//   App.exe --split FILE            compares CommandLineToArgvW with what FILE expects
//   App.exe --value NAME FILE       writes a value that the package left in the registry
//   App.exe --attack FILE OUT       waits until FILE is held, then tries to change it; notes the errors in OUT
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#include <windows.h>
#include <shellapi.h>

static void put(FILE *file, const wchar_t *text) {
  int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
  char *bytes = malloc(size);
  WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, size, NULL, NULL);
  fputs(bytes, file);
  free(bytes);
}

static int note(int argc, wchar_t **argv) {
  wchar_t path[MAX_PATH], line[MAX_PATH];
  GetModuleFileNameW(NULL, path, MAX_PATH);
  wcscpy(wcsrchr(path, L'\\') + 1, L"started.tmp");
  FILE *file = _wfopen(path, L"ab");
  fputs(VERSION "\n", file);
  GetCurrentDirectoryW(MAX_PATH, line);
  put(file, line);
  for (int index = 1; index < argc; index++) {
    fputs("\n", file);
    put(file, argv[index]);
  }
  fclose(file);
  // Whoever waits for it finds it complete.
  wcscpy(line, path);
  wcscpy(wcsrchr(line, L'\\') + 1, L"started.txt");
  return MoveFileExW(path, line, MOVEFILE_REPLACE_EXISTING) ? 0 : 1;
}

// Records of UTF-16: a line, a number, so many arguments, each ended by a zero.
static int split(const wchar_t *path) {
  FILE *file = _wfopen(path, L"rb");
  fseek(file, 0, SEEK_END);
  size_t size = ftell(file);
  rewind(file);
  wchar_t *text = malloc(size + 2), *next = text, *end = text + size / 2;
  if (fread(text, 1, size, file) != size) return 1;
  *end = 0;
  int lists = 0;
  for (; next < end; lists++) {
    int count = 0, expected;
    wchar_t **args = CommandLineToArgvW(next, &count);
    next += wcslen(next) + 1;
    expected = *next++;
    if (count != expected + 1) return 2;
    for (int index = 1; index < count; index++) {
      if (wcscmp(args[index], next)) return 3;
      next += wcslen(next) + 1;
    }
    LocalFree(args);
  }
  wchar_t out[MAX_PATH];
  swprintf(out, MAX_PATH, L"%ls.count", path);
  file = _wfopen(out, L"wb");
  fprintf(file, "%d", lists);
  fclose(file);
  return 0;
}

static int value(const wchar_t *name, const wchar_t *path) {
  wchar_t text[4096];
  DWORD size = sizeof text;
  if (RegGetValueW(HKEY_CURRENT_USER, L"Software\\UpdaterTest", name, RRF_RT_REG_SZ, NULL, text, &size)) return 1;
  FILE *file = _wfopen(path, L"wb");
  put(file, text);
  fclose(file);
  return 0;
}

static DWORD opened(const wchar_t *path, DWORD access, DWORD how) {
  HANDLE file = CreateFileW(path, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, how, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return GetLastError();
  CloseHandle(file);
  return 0;
}

static DWORD error(BOOL done) { return done ? 0 : GetLastError(); }

static int attack(const wchar_t *path, const wchar_t *out) {
  wchar_t other[MAX_PATH], own[MAX_PATH];
  swprintf(other, MAX_PATH, L"%ls.other", path);
  GetModuleFileNameW(NULL, own, MAX_PATH);
  int attempts = 300;
  while (opened(path, GENERIC_WRITE, OPEN_EXISTING) != ERROR_SHARING_VIOLATION && attempts--) Sleep(100);
  FILE *file = _wfopen(out, L"wb");
  fprintf(file, "read %lu\n", opened(path, GENERIC_READ, OPEN_EXISTING));
  fprintf(file, "write %lu\n", opened(path, GENERIC_WRITE, OPEN_EXISTING));
  fprintf(file, "append %lu\n", opened(path, FILE_APPEND_DATA, OPEN_EXISTING));
  fprintf(file, "truncate %lu\n", opened(path, GENERIC_WRITE, CREATE_ALWAYS));
  fprintf(file, "overwrite %lu\n", error(CopyFileW(own, path, FALSE)));
  fprintf(file, "replace %lu\n", error(CopyFileW(own, other, FALSE) && MoveFileExW(other, path, MOVEFILE_REPLACE_EXISTING)));
  DeleteFileW(other);
  fprintf(file, "rename %lu\n", error(MoveFileExW(path, other, 0)));
  fprintf(file, "delete %lu\n", error(DeleteFileW(path)));
  fclose(file);
  return 0;
}

int wmain(int argc, wchar_t **argv) {
  if (argc == 3 && !wcscmp(argv[1], L"--split")) return split(argv[2]);
  if (argc == 4 && !wcscmp(argv[1], L"--value")) return value(argv[2], argv[3]);
  if (argc == 4 && !wcscmp(argv[1], L"--attack")) return attack(argv[2], argv[3]);
  return note(argc, argv);
}
