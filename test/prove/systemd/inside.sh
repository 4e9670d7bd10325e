#!/bin/sh
# Runs inside the booted system: inside.sh VARIANT SOCKET CONFIG MOST, see boot.sh.
# SOCKET is "socket" when systemd holds the port; MOST is the highest exposure that is accepted.
variant=$1 socket=$2 config=$3 most=$4
url=http://127.0.0.1:8245
failed=0

check() { # check WHAT COMMAND...
  what=$1
  shift
  if "$@" > /run/check.log 2>&1; then echo "ok   $variant: $what"; else
    echo "FAIL $variant: $what"
    tail -n 5 /run/check.log
    failed=1
  fi
}
property() { systemctl show -P "$1" rotera.service; }
is() { [ "$(property "$1")" = "$2" ] || { echo "$1 is $(property "$1"), not $2"; return 1; }; }
# Waits until a command succeeds, ten seconds at most.
eventually() {
  for _ in $(seq 100); do
    "$@" > /dev/null 2>&1 && return 0
    sleep 0.1
  done
  "$@"
}
next() { curl -sf "$url/queues/q" | grep -o '"next":[0-9]*'; }
has() { curl -sf "$url/queues/$1" > /dev/null; }
restarted() { [ "$(property MainPID)" != "$1" ] && is ActiveState active && next; }
new_pid() { pid=$(property MainPID); [ "$pid" -gt 1 ]; }
under_load() {
  node /root/load.mjs $url 6 > /run/load.log &
  sleep 1.5
  systemctl restart rotera.service
  sleep 1.5
  systemctl restart rotera.service
  wait
  cat /run/load.log
  [ "$1" = any ] || ! grep -E 'ECONN|status' /run/load.log
}
exposure() { systemd-analyze security --no-pager rotera.service | grep -o 'exposure level.*: [0-9.]*' | grep -o '[0-9.]*$'; }
refused() { # a second server in the directory of the first
  runuser -u rotera -- rotera-server --dir /var/lib/rotera --port 0
  [ $? -eq 69 ]
}

systemctl stop rotera.socket rotera.service 2> /dev/null
systemctl reset-failed rotera.socket rotera.service 2> /dev/null
rm -rf /var/lib/rotera/* /var/lib/rotera/.*.failed
systemctl daemon-reload
cp "$config" /run/good.json

check "systemd-analyze verify" sh -c "! systemd-analyze verify --man=no /etc/systemd/system/rotera.service 2>&1 | grep rotera | grep -v -e OpenFile"
[ "$socket" != socket ] || check 'the socket listens' systemctl start rotera.socket
check 'it becomes ready' systemctl start rotera.service
check 'it says how it stands' sh -c "systemctl show -P StatusText rotera.service | grep Serving"
check 'the declared queues are there' has 13
check 'a queue is made' curl -sf -X PUT "$url/queues/q" -d '{"maxBytes":1000000}'
check 'a push' curl -sf "$url/queues/q/messages" -d first
check 'a read' sh -c "curl -sf $url/queues/q/messages | grep first"
check 'a second server is refused' refused
if [ "$socket" = socket ]; then
  check 'two restarts under load fail no request' under_load none
else
  check 'two restarts under load' under_load any
fi
echo "     $(cat /run/load.log)"
check "what was acknowledged is there" sh -c "[ $(next | cut -d: -f2) -ge $(grep -o 'acknowledged":[0-9]*' /run/load.log | cut -d: -f2) ]"

new_pid && before=$pid
sed 's/"queues": *{/"queues":{"added":{},/' /run/good.json > "$config"
check 'a reload' systemctl reload rotera.service
check 'makes the queue that is new' eventually has added
check 'in the same process' is MainPID "$before"
echo '{"prot":1}' > "$config"
systemctl reload rotera.service 2> /dev/null
check 'a reload of a bad configuration leaves it be' eventually has added
check 'still in the same process' is MainPID "$before"
check 'and says what is wrong, as an error' eventually sh -c "journalctl -u rotera.service -p err --no-pager | grep prot"
cp /run/good.json "$config"

new_pid && kill -KILL "$pid"
check 'it is back after kill -9' eventually restarted "$pid"
mkdir -p /run/systemd/system/rotera.service.d
printf '[Service]\nWatchdogSec=2\n' > /run/systemd/system/rotera.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart rotera.service
sleep 5
check 'the watchdog is fed' is NRestarts 0
new_pid && kill -STOP "$pid"
check 'a server that is stuck is killed and started again' eventually restarted "$pid"
rm -r /run/systemd/system/rotera.service.d
systemctl daemon-reload
systemctl restart rotera.service

started=$(date +%s%N)
check 'it stops' systemctl stop rotera.service
echo "     in $((($(date +%s%N) - started) / 1000000)) ms"
check 'cleanly' is Result success
echo '{"prot":1}' > "$config"
systemctl start rotera.service 2> /dev/null
check 'a bad configuration is exit code 78' eventually is ExecMainStatus 78
check 'and is not tried again' is NRestarts 0
cp /run/good.json "$config"
systemctl reset-failed rotera.socket rotera.service
[ "$socket" != socket ] || systemctl start rotera.socket
check 'a mended one is good' systemctl start rotera.service

score=$(exposure)
check "exposure $score, at most $most" awk "BEGIN { exit !($score <= $most) }"
systemctl stop rotera.socket rotera.service 2> /dev/null
exit $failed
