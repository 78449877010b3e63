/** Thrown when a way to get the binaries does not exist on this machine: not a failure, the next way is tried. */
export class RouteMissing extends Error {
  override readonly name = 'RouteMissing';
}
