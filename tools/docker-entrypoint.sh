#!/bin/sh
# Gives this replica an APEX_HOME of its own below APEX_HOMES, a volume that all replicas on this host share.
#
# A replica's journal must survive the replica, and somebody has to read it again. So homes are numbered, not named after
# containers: a replica takes the first one that is free, with whatever its predecessor left there. The lock is the
# kernel's (flock) and lasts as long as this process; process ids mean nothing across containers.
set -eu
[ -n "${APEX_HOME:-}" ] && exec "$@"
slot=1
while [ "$slot" -le 256 ]; do
  home="$APEX_HOMES/$slot"
  mkdir -p "$home"
  exec 9>"$home/slot"
  if flock -n 9; then
    export APEX_HOME="$home"
    exec "$@"
  fi
  slot=$((slot + 1))
done
echo "no free home below $APEX_HOMES" >&2
exit 1
