-- What wrk has measured, as one line of JSON. Latencies are in µs.
function done(summary, latency)
  local errors = summary.errors
  local quantiles = {}
  for i, part in ipairs({ 0.5, 0.75, 0.9, 0.99, 0.999 }) do
    quantiles[i] = string.format("[%g,%.2f]", part, latency:percentile(part * 100))
  end
  print(string.format(
    '{"requests":%d,"seconds":%.6f,"latencyMicroseconds":[%s],"failures":%d}',
    summary.requests, summary.duration / 1e6, table.concat(quantiles, ","),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
