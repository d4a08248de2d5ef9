import { QueryFailedError } from 'typeorm';

/** True if this write broke that unique constraint or index (SQLSTATE 23505). */
export function violatesUnique(error: unknown, constraint: string): boolean {
  if (!(error instanceof QueryFailedError)) return false;
  const { code, constraint: broken } = error.driverError as { code?: string; constraint?: string };
  return code === '23505' && broken === constraint;
}
