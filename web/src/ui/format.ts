// Times and durations for people.

const DAY = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" } as const;
const TIME = new Intl.DateTimeFormat(undefined, DAY);
const LONG_AGO = new Intl.DateTimeFormat(undefined, { ...DAY, year: "numeric" });
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** The year is shown only if it is not the present year. */
export function dateTime(iso: string, now = new Date()): string {
  const time = new Date(iso);
  return (time.getFullYear() === now.getFullYear() ? TIME : LONG_AGO).format(time);
}

export const clock = (iso: string) => CLOCK.format(new Date(iso));

/** `4:07`, `1:02:03`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/** `812 bytes`, `4.8 MB`, in one line. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes}\u00a0bytes`;
  const unit = ["kB", "MB", "GB", "TB"];
  let [value, i] = [bytes / 1000, 0];
  // What would be rounded to 1000 of a unit is one of the next.
  while (value >= 999.5 && i < unit.length - 1) [value, i] = [value / 1000, i + 1];
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}\u00a0${unit[i]}`;
}

/** `in 52 min`, `in 8 s`, `now`. */
export function until(iso: string, now: number): string {
  const seconds = Math.round((Date.parse(iso) - now) / 1000);
  if (seconds <= 0) return "now";
  if (seconds < 60) return `in ${seconds} s`;
  if (seconds < 3600) return `in ${Math.round(seconds / 60)} min`;
  return `in ${Math.round(seconds / 3600)} h`;
}

/** Seconds from a time until now. */
export const since = (iso: string, now: number) => (now - Date.parse(iso)) / 1000;

/** `no_answer` as people write it. */
export const words = (text: string) => text.replaceAll("_", " ");
