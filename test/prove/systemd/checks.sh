# What the trials inside the booted system share: sourced with $variant set; $failed is 1 when a check has failed.
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
new_pid() { pid=$(property MainPID); [ "$pid" -gt 1 ]; }
exposure() { systemd-analyze security --no-pager rotera.service | grep -o 'exposure level.*: [0-9.]*' | grep -o '[0-9.]*$'; }
check_exposure() { # check_exposure MOST
  score=$(exposure)
  check "exposure $score, at most $1" awk "BEGIN { exit !($score <= $1) }"
}
stop_all() { systemctl stop rotera.socket rotera.service 2> /dev/null; }
start_afresh() { # start_afresh SOCKET: of the last trial nothing is left
  stop_all
  # Fails when there has been none.
  systemctl reset-failed rotera.service 2> /dev/null
  rm -rf /var/lib/rotera/* /var/lib/rotera/.*.failed
  systemctl daemon-reload
  check "systemd-analyze verify" sh -c "! systemd-analyze verify --man=no /etc/systemd/system/rotera.service 2>&1 | grep rotera | grep -v -e OpenFile"
  [ "$1" != socket ] || check 'the socket listens' systemctl start rotera.socket
  check 'it becomes ready' systemctl start rotera.service
}
