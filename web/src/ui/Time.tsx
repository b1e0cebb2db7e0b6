// Times that run. Each is a component of its own, so that only it is drawn anew every second.

import { duration, since, until } from "./format";
import { useNow } from "./hooks";

/** How long ago something was. */
export const Elapsed = ({ from }: { from: string }) => duration(since(from, useNow()));

/** How long something still lasts. */
export const Remaining = ({ until: end }: { until: string }) => until(end, useNow());
