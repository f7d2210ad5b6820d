; An installer with the switches of the packager's: /P passive, /R start the application afterwards. It ends what it was
; made to end, waits while there is a file to wait for, and fails where it was made to.
Target amd64-unicode
Name "My App"
OutFile "${OUT}"
InstallDir "${DIRECTORY}"
RequestExecutionLevel user
ShowInstDetails nevershow
AutoCloseWindow true
!include FileFunc.nsh

Page instfiles

Section
  SetOutPath "$INSTDIR"
!ifdef ENDS
  ExecWait '"$SYSDIR\taskkill.exe" /f /im ${ENDS}'
!endif
  FileOpen $0 "$INSTDIR\runs.txt" w
  FileClose $0
  IfFileExists "$INSTDIR\wait.txt" 0 +3
  Sleep 50
  Goto -2
!ifdef FAILS
  SetErrorLevel 2
  Quit
!endif
  File "/oname=App.exe" "${APP}"
  ; What it was told, as it came.
  FileOpen $0 "$INSTDIR\told.txt" w
  FileWriteUTF16LE $0 "$CMDLINE"
  FileClose $0
  IfSilent 0 +3
  FileOpen $0 "$INSTDIR\silent.txt" w
  FileClose $0
  ${GetParameters} $1
  ClearErrors
  ${GetOptions} $1 "/R" $2
  IfErrors +2
  Exec '"$INSTDIR\App.exe" started-by-installer'
SectionEnd
