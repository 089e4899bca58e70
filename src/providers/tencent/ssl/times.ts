// The times of Tencent SSL: texts in GMT+8, with odd values that mean "none".

const TIME = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2}):(\d{1,2}))?$/;
const GMT_8_HOURS = 8;
const SECONDS_PER_DAY = 86_400;
/** What lies before it is the zero of some language's clock. */
const FIRST_YEAR = 1970;

/** Reads `2024-11-06 08:00:00` (GMT+8); `null` for "", "--", "0000-00-00 00:00:00" and anything unreadable. */
export function toDateFromGmt8(text: string | null): Date | null {
  const parts = TIME.exec(text?.trim() ?? "");
  if (parts === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  if (year < FIRST_YEAR) return null;
  if (hour * 3600 + minute * 60 + second > SECONDS_PER_DAY || minute > 59 || second > 60)
    return null;
  const midnight = new Date(Date.UTC(year, month - 1, day));
  // Date.UTC rolls the 31st of June over to July.
  if (midnight.getUTCMonth() !== month - 1 || midnight.getUTCDate() !== day) return null;
  const date = new Date(Date.UTC(year, month - 1, day, hour - GMT_8_HOURS, minute, second));
  return date.getTime() > 0 ? date : null;
}
