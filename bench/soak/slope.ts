/** One look at the process under test. */
export interface Sample {
  /** Since the load began. */
  readonly seconds: number;
  readonly residentMib: number;
  /** The event loop's, since the last look. */
  readonly loopP99Ms: number;
  readonly backlogMib: number;
}

/** By how much `of` grows a minute, by least squares; 0 for fewer than two samples. */
export function slopePerMinute(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const n = samples.length;
  if (n < 2) return 0;
  const meanX = samples.reduce((sum, { seconds }) => sum + seconds, 0) / n;
  const meanY = samples.reduce((sum, sample) => sum + of(sample), 0) / n;
  let covariance = 0;
  let variance = 0;
  for (const sample of samples) {
    covariance += (sample.seconds - meanX) * (of(sample) - meanY);
    variance += (sample.seconds - meanX) ** 2;
  }
  return variance === 0 ? 0 : (covariance / variance) * 60;
}
