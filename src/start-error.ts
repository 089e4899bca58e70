/** The process cannot start, for a reason that its operator can mend; the message says all that is needed. */
export class StartError extends Error {
  override readonly name = "StartError";
}
