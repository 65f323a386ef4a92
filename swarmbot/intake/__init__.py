"""From the webhook to what its commands want done: `hook`, `inbox`, `dispatch`, `claims`, `perform`."""
