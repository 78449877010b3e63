/**
 * metav1.MicroTime, the time type of Leases. The API server parses it with a layout of exactly six fractional digits:
 * what `toISOString()` writes is answered with 400.
 */
export function formatMicroTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}

/** metav1.Time: RFC 3339, UTC, whole seconds. */
export function formatTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
