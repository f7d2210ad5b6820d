set -eu
umask 077
PATH=/usr/bin:/bin:/usr/sbin:/sbin
archive=$1 size=$2 sha512=$3 parent=$4 name=$5 work=$6 owner=$7 mode=$8
replaced=

cd -P -- "$parent"
[ -d "./$name" ]
[ ! -L "./$name" ]
mkdir -m 700 "./$work"
cd -P "./$work"
# Who may write to the directory above could have put another one there since. From here on every path is relative to
# this one, which nobody else can enter.
[ -n "$(find . -prune -user "$(id -u)" -perm 700)" ]

clean() {
  set +e
  # Until the new bundle is in its place, the old one may be all that there is of the application.
  if [ "$replaced" ]; then rm -rf old; fi
  rm -rf archive empty new
  cd ..
  rmdir "./$work"
}
trap clean EXIT
trap 'exit 1' HUP INT TERM

# rename(2) and no more: mv would follow a link that somebody put where the bundle was, or move into a directory there.
# (perl is there wherever shasum is: it is written in it.)
rename() {
  perl -e 'rename($ARGV[0], $ARGV[1]) or die "$ARGV[1]: $!\n"' "$1" "$2"
}

# What is checked and unpacked is this copy.
head -c "$size" <"$archive" >archive
if [ "$(shasum -a 512 <archive)" != "$sha512  -" ]; then
  echo 'the archive is not the one that was verified' >&2
  exit 1
fi
mkdir new
# There are no attributes in it, and nothing in it is to be taken for some. Not every tar knows every option.
head -c 1024 </dev/zero >empty
set --
for option in --no-acls --no-fflags --no-xattrs --no-mac-metadata '--options=!mac-ext'; do
  if tar -x -f empty "$option" >/dev/null 2>&1; then set -- "$@" "$option"; fi
done
tar -x -p -f archive --no-same-owner "$@"
# The quarantine mark of what unpacked it, for one.
if command -v xattr >/dev/null; then xattr -cr new || :; fi
[ -f new/Contents/Info.plist ]
[ -z "$(find new -type f '(' -perm -4000 -o -perm -2000 ')')" ]
chown -R -h -P "$owner" new
chmod "$mode" new
# LaunchServices reads a bundle anew when its time has changed. Later its path could lead elsewhere.
touch new
sync

trap '' HUP INT TERM
rename "../$name" old
if ! rename new "../$name"; then
  rename old "../$name"
  exit 1
fi
replaced=yes
# Before the old one is removed.
sync
