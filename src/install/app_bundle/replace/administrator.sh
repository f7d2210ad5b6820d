set -eu
umask 077
PATH=/usr/bin:/bin:/usr/sbin:/sbin
archive=$1 size=$2 sha512=$3 parent=$4 name=$5 work=$6 owner=$7 mode=$8

cd -P -- "$parent"
[ -d "./$name" ]
[ ! -L "./$name" ]
mkdir -m 700 "./$work"
cd -P "./$work"
# Who may write to the directory above could have put another one there since. From here on every path is relative to
# this one, which nobody else can enter.
[ -n "$(find . -prune -user "$(id -u)" -perm 700)" ]

clean() {
  # An old bundle that could not be put back is all that there is of the application.
  if [ -e "../$name" ]; then rm -rf old; fi
  rm -rf archive new
  cd ..
  rmdir "./$work"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM

# What is checked and unpacked is this copy.
head -c "$size" <"$archive" >archive
if [ "$(shasum -a 512 <archive)" != "$sha512  -" ]; then
  echo 'the archive is not the one that was verified' >&2
  exit 1
fi
mkdir new
set --
for option in --no-acls --no-fflags; do
  if tar "$option" --version >/dev/null 2>&1; then set -- "$@" "$option"; fi
done
tar -x -z -p -f archive -C new --strip-components 1 --no-same-owner "$@"
# The quarantine mark of the machine that built the release, for one.
if command -v xattr >/dev/null; then xattr -cr new || :; fi
[ -f new/Contents/Info.plist ]
[ -z "$(find new -type f '(' -perm -4000 -o -perm -2000 ')')" ]
chown -R -h -P "$owner" new
chmod "$mode" new
sync

trap '' HUP INT TERM
mv "../$name" old
if [ -e "../$name" ] || ! mv new "../$name"; then
  [ -e "../$name" ] || mv old "../$name"
  exit 1
fi
touch "../$name"
