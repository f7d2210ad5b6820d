// A custom action that fails.
#include <windows.h>

__declspec(dllexport) UINT __stdcall Fail(unsigned long package) {
  (void)package;
  return 1603; // ERROR_INSTALL_FAILURE
}
