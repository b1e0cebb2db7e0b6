// The table of all lists: one row for each item, with details that open below it and buttons at its end. On a
// narrow screen each row is a card; its roles are written out, because styles then take the table's own away.

import { type ReactNode, useEffect, useRef, useState } from "react";

import { ChevronIcon } from "./Icons";

export type Column<T> = {
  head: string;
  show: (item: T) => ReactNode;
  /** Classes of its cells: `right`, `number`, `muted`; with `wide-only` it is left out where there is no room. */
  look?: string;
};

type Props<T> = {
  items: T[];
  id: (item: T) => string;
  columns: Column<T>[];
  /** The details that open below a row, and their label for screen readers. */
  details?: { label: (item: T) => string; show: (item: T) => ReactNode };
  actions?: (item: T) => ReactNode;
};

/** Rows come in blocks; a block that is far from the screen is only a gap of its height. */
const BLOCK = 50;

export function Table<T>(props: Props<T>) {
  const { items, id, columns, details, actions } = props;
  const [open, setOpen] = useState<string>();
  const blocks = Array.from({ length: Math.ceil(items.length / BLOCK) }, (_, i) => items.slice(i * BLOCK, (i + 1) * BLOCK));
  return (
    <div className="card table">
      <table role="table" aria-rowcount={blocks.length > 1 ? items.length + 1 : undefined}>
        <thead role="rowgroup">
          <tr role="row">
            {details && <Hidden head="Details" />}
            {columns.map(({ head, look }) => (
              <th key={head} role="columnheader" className={look}>
                {head}
              </th>
            ))}
            {actions && <Hidden head="Actions" />}
          </tr>
        </thead>
        {blocks.map((block, i) => (
          <Block key={i} far={i > 1} rows={block.length}>
            {() =>
              block.map((item, n) => (
                <Row
                  key={id(item)}
                  {...props}
                  item={item}
                  place={blocks.length > 1 ? i * BLOCK + n + 2 : undefined}
                  open={open === id(item)}
                  toggle={() => setOpen(open === id(item) ? undefined : id(item))}
                />
              ))
            }
          </Block>
        ))}
      </table>
    </div>
  );
}

type RowProps<T> = Props<T> & { item: T; place: number | undefined; open: boolean; toggle: () => void };

function Row<T>({ item, columns, details, actions, place, open, toggle }: RowProps<T>) {
  return (
    <>
      <tr role="row" aria-rowindex={place}>
        {details && (
          <td role="cell" className="narrow opener">
            <button
              type="button"
              className="quiet expand"
              aria-expanded={open}
              aria-label={details.label(item)}
              onClick={toggle}
            >
              <ChevronIcon />
              <span className="small-only">Details</span>
            </button>
          </td>
        )}
        {columns.map(({ head, show, look }) => (
          <td key={head} role="cell" className={look} data-head={head}>
            {show(item)}
          </td>
        ))}
        {actions && (
          <td role="cell" className="narrow actions-cell">
            {actions(item)}
          </td>
        )}
      </tr>
      {details && open && (
        <tr role="row" className="detail">
          <td role="cell" colSpan={columns.length + (actions ? 2 : 1)}>
            {details.show(item)}
          </td>
        </tr>
      )}
    </>
  );
}

/** The height of a row before it was measured, in pixels. */
const GUESS = 52;

/** Rows that are drawn while they are near the screen. `far`: the block counts as far until its place is known. */
function Block({ far, rows, children }: { far: boolean; rows: number; children: () => ReactNode }) {
  const ref = useRef<HTMLTableSectionElement>(null);
  const watched = typeof IntersectionObserver !== "undefined";
  const [near, setNear] = useState(!far || !watched);
  const [height, setHeight] = useState(rows * GUESS);
  useEffect(() => {
    const block = ref.current;
    if (!block || !watched) return;
    const observer = new IntersectionObserver(
      (entries) => {
        const last = entries.at(-1);
        if (!last) return;
        // Only rows that are drawn have a height of their own.
        if (!last.isIntersecting && block.childElementCount > 1) setHeight(last.boundingClientRect.height);
        setNear(last.isIntersecting);
      },
      { rootMargin: "800px 0px" },
    );
    observer.observe(block);
    return () => observer.disconnect();
  }, [watched]);
  return (
    <tbody ref={ref} role="rowgroup">
      {near ? (
        children()
      ) : (
        <tr className="gap" aria-hidden="true" style={{ height }}>
          <td />
        </tr>
      )}
    </tbody>
  );
}

function Hidden({ head }: { head: string }) {
  return (
    <th role="columnheader" className="narrow">
      <span className="sr-only">{head}</span>
    </th>
  );
}

/** Names and values, below a row or in a dialog. A name without a value is left out. */
export function Facts({ facts, boxed }: { facts: Fact[]; boxed?: boolean }) {
  return (
    <dl className={boxed ? "facts boxed" : "facts"}>
      {facts.map(({ name, value, look }, i) =>
        value == null || value === "" ? null : (
          <div key={`${i} ${name}`}>
            <dt>{name}</dt>
            <dd className={look}>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

export type Fact = { name: string; value: ReactNode; look?: string };
