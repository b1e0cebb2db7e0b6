// Times that run. Each time is a separate component, so that only the time is drawn again every second.

import { duration, since, until } from "./format";
import { useNow } from "./hooks";

/** The time since `from`. */
export const Elapsed = ({ from }: { from: string }) => duration(since(from, useNow()));

/** The time until `until`. */
export const Remaining = ({ until: end }: { until: string }) => until(end, useNow());
