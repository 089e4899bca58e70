/**
 * Nobody listens there. Not one that was free a moment ago: another test's server may be given that one meanwhile, and
 * below 1024 none is given.
 */
export const CLOSED_PORT = 1;
