#!/bin/sh
# Tries the README's two commands on a bare Debian 12 made with debootstrap, as a newcomer would.
#   tests/fresh/run.sh FOLDER [MIRROR]
# As root. FOLDER is created and holds the root; remove it afterwards.
set -eu

folder=${1:?usage: tests/fresh/run.sh FOLDER [MIRROR]}
mirror=${2:-}
source=$(cd "$(dirname "$0")/../.." && pwd)

debootstrap --variant=minbase bookworm "$folder" ${mirror:+"$mirror"}
if [ -d /etc/apt/apt.conf.d ]; then
  cp -r /etc/apt/apt.conf.d/. "$folder/etc/apt/apt.conf.d/"
fi
cp /etc/apt/sources.list "$folder/etc/apt/" 2>/dev/null || true
cp -r /etc/apt/sources.list.d/. "$folder/etc/apt/sources.list.d/" 2>/dev/null || true
cp /etc/resolv.conf "$folder/etc/" 2>/dev/null || true

# A clean clone, and a sudo that only runs its command: the commands are taken as they stand.
git clone --quiet "file://$source" "$folder/root/tessera"
printf '#!/bin/sh\nexec "$@"\n' > "$folder/usr/local/bin/sudo"
chmod +x "$folder/usr/local/bin/sudo"
mount -t proc proc "$folder/proc"
trap 'umount "$folder/proc"' EXIT

"$source/.ci/commands" "$source/README.md" > "$folder/root/commands.sh"
chroot "$folder" /usr/bin/env -i HOME=/root PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin \
  DEBIAN_FRONTEND=noninteractive sh -eux -c 'cd /root/tessera && . /root/commands.sh'
