/** statistics - median, range and percentiles of a few numbers */

/** @typedef {{median: number, least: number, most: number}} Spread */

/** @param {readonly number[]} values @param {number} p from 0 to 1 */
export function percentile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? NaN;
}

/** Of an even number of values the mean of the two in the middle. @param {readonly number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return low === undefined || high === undefined ? NaN : (low + high) / 2;
}

/** @param {readonly number[]} values @returns {Spread} */
export function spread(values) {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}
