#!/bin/sh
# Runs inside the booted system: guarded.sh VARIANT SOCKET MOST, see boot.sh. A service for other machines, with tokens and HTTPS
# from files that are root's alone. The system has the address 192.0.2.1, which is not loopback.
variant=$1 socket=$2 most=$3
. /root/checks.sh

ask() { # ask SECRET PATH WORDS...
  secret=$1 path=$2
  shift 2
  curl -s --cacert /etc/rotera/certificate.pem -H "Authorization: Bearer $secret" "https://192.0.2.1:8245$path" "$@"
}
answers() { # answers STATUS SECRET PATH WORDS...: whether that is the status
  status=$1
  shift
  got=$(ask "$@" -o /run/answer.log -w '%{http_code}')
  [ "$got" = "$status" ] || { echo "$got, not $status"; cat /run/answer.log; return 1; }
}
messages() { ask "$1" /queues/q/messages | grep first; }

rm -f /etc/rotera/tokens
admin=$(rotera token admin --tokens /etc/rotera/tokens)
systemd-tmpfiles --create rotera.conf
start_afresh "$socket"
check 'the files are root’s alone' sh -c '! runuser -u rotera -- cat /etc/rotera/tokens && ! runuser -u rotera -- cat /etc/rotera/key.pem'
check 'nobody without a token' answers 401 none /queues
check 'a queue is made with one' answers 201 "$admin" /queues/q -X PUT -d '{"maxBytes":1000000}'
check 'a push' answers 200 "$admin" /queues/q/messages -d first
check 'a read' messages "$admin"

new_pid && before=$pid
sed -i 's/"queues": *{/"queues":{"added":{},/' /etc/rotera/config.json
check 'a reload' systemctl reload rotera.service
check 'makes the queue that is new' eventually answers 200 "$admin" /queues/added
check 'in the same process' is MainPID "$before"
added=$(rotera token added --tokens /etc/rotera/tokens)
check 'a restart' systemctl restart rotera.service
check 'takes the token that is new' answers 200 "$added" /queues/q
check 'and keeps the old one' messages "$admin"
check_exposure "$most"
rm /etc/rotera/tokens
check 'without its tokens it does not start' sh -c '! systemctl restart rotera.service'
stop_all
exit $failed
