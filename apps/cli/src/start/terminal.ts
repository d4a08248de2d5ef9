const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Shows that `work` goes on: a spinner with the elapsed time on a terminal, one line elsewhere. Goes to stderr. */
export async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const since = performance.now();
  const tty = process.stderr.isTTY;
  let frame = 0;
  const timer = tty ? setInterval(() => process.stderr.write(`\r${FRAMES[(frame += 1) % FRAMES.length] ?? ''} ${title} ${seconds(since)} `), 100) : undefined;
  const end = (mark: string): void => {
    clearInterval(timer);
    process.stderr.write(`${tty ? '\r\u001b[2K' : ''}${mark} ${title} (${seconds(since)})\n`);
  };
  try {
    const result = await work();
    end('✓');
    return result;
  } catch (error) {
    end('✗');
    throw error;
  }
}

/** A line for the person who started Apex, beside the logs. */
export function note(message: string): void {
  process.stderr.write(`${process.stderr.isTTY ? '\r\u001b[2K' : ''}  ${message}\n`);
}
