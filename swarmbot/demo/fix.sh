#!/bin/sh
# The command of `swarmbot demo --agent shell`: what a script of one's own may look like. It runs in the checkout, finds
# the task in the file that SWARMBOT_TASK_FILE names, may ask on the terminal, and is done when it ends with 0.
set -eu

ask() {
  printf '%s [Y/n] ' "$1"
  read -r answer
  case "$answer" in n | N) exit 0 ;; esac
}

echo "Task: $(head -n 1 "$SWARMBOT_TASK_FILE")"
grep -n ' / len(' wordcount/stats.py
ask 'Return 0 before this division when there is nothing to divide by?'
sed -i 's|^    return round(sum(.*) / len(\([a-z]*\)).*$|    if not \1:\n        return 0\n&|' wordcount/stats.py
ask 'Run the tests?'
python3 -m unittest --quiet
echo 'Done: average_length returns 0 for a text without words.'
