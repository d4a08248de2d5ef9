/** What `work` is rejected with. Errors that Node itself makes are no `instanceof Error` in jest's world. @throws if it is not */
export async function failureOf(work: PromiseLike<unknown>): Promise<Error> {
  let result: unknown;
  try {
    result = await work;
  } catch (error) {
    if (error instanceof Error || isNodesOwn(error)) return error;
    throw new Error(`rejected with something that is no Error: ${String(error)}`);
  }
  throw new Error(`succeeded, though it should have failed: ${JSON.stringify(result)?.slice(0, 500)}`);
}

const isNodesOwn = (error: unknown): error is Error => Object.prototype.toString.call(error) === '[object DOMException]';
