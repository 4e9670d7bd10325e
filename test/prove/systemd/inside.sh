#!/bin/sh
# Runs inside the booted system: inside.sh VARIANT SOCKET CONFIG MOST, see boot.sh.
# SOCKET is "socket" when systemd holds the port; MOST is the highest exposure that is accepted.
variant=$1 socket=$2 config=$3 most=$4
url=http://127.0.0.1:8245
. /root/checks.sh

next() { curl -sf "$url/queues/q" | grep -o '"next":[0-9]*'; }
has() { curl -sf "$url/queues/$1" > /dev/null; }
restarted() { [ "$(property MainPID)" != "$1" ] && is ActiveState active && next; }
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
refused() { # a second server in the directory of the first
  runuser -u rotera -- rotera-server --dir /var/lib/rotera --port 0
  [ $? -eq 69 ]
}

cp "$config" /run/good.json
start_afresh "$socket"
check 'it says how it stands' sh -c "systemctl show -P StatusText rotera.service | grep Serving"
for queue in $(node -p "Object.keys(require('$config').queues).join(' ')"); do
  check "the declared queue $queue is there" has "$queue"
done
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

curl -sN "$url/queues/q/tail" > /run/tail.log &
curl -s "$url/queues/q/messages?from=next&wait=60" > /run/wait.log &
check 'a tail runs' eventually grep -q retry /run/tail.log
started=$(date +%s%N)
check 'it stops, with a tail and a read that wait' systemctl stop rotera.service
echo "     in $((($(date +%s%N) - started) / 1000000)) ms"
check 'cleanly' is Result success
wait
check 'the tail was told' grep draining /run/tail.log
check 'the read was answered' grep upToDate /run/wait.log
echo '{"prot":1}' > "$config"
systemctl start rotera.service 2> /dev/null
check 'a bad configuration is exit code 78' eventually is ExecMainStatus 78
check 'and is not tried again' is NRestarts 0
if [ "$socket" = socket ]; then
  # Who connects waits, until the configuration is mended: nobody has to start anything.
  curl -s "$url/healthz" > /run/health.log &
  check 'a connection tries it again' eventually is ActiveState activating
  cp /run/good.json "$config"
  check 'a mended one is good, and the connection is answered' eventually grep ok /run/health.log
  wait
else
  cp /run/good.json "$config"
  systemctl reset-failed rotera.service
  check 'a mended one is good' systemctl start rotera.service
fi

check_exposure "$most"
stop_all
exit $failed
