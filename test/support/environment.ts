/** What jest's global set-up has told the test processes. */
export function fromSetup(name: 'APEX_TEST_POSTGRES' | 'APEX_TEST_TEMPLATE' | 'APEX_TEST_REDIS' | 'APEX_TEST_DIR'): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this suite in jest's "medium" or "e2e" project, whose set-up starts the stores.`);
  return value;
}
