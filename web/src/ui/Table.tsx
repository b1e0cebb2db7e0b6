// The one table of the page: a row an item, with details that open below it and buttons at its end. On a
// narrow screen each row is a card; its roles are written out, because styles then take the table's own away.

import { Fragment, type ReactNode, useState } from "react";

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
  /** What opens below a row, and what it is called by screen readers. */
  details?: { label: (item: T) => string; show: (item: T) => ReactNode };
  actions?: (item: T) => ReactNode;
};

export function Table<T>({ items, id, columns, details, actions }: Props<T>) {
  const [open, setOpen] = useState<string>();
  return (
    <div className="card table">
      <table role="table">
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
        <tbody role="rowgroup">
          {items.map((item) => (
            <Fragment key={id(item)}>
              <tr role="row">
                {details && (
                  <td role="cell" className="narrow opener">
                    <button
                      type="button"
                      className="quiet expand"
                      aria-expanded={open === id(item)}
                      aria-label={details.label(item)}
                      onClick={() => setOpen(open === id(item) ? undefined : id(item))}
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
              {details && open === id(item) && (
                <tr role="row" className="detail">
                  <td role="cell" colSpan={columns.length + (actions ? 2 : 1)}>
                    {details.show(item)}
                  </td>
                </tr>
              )}
            </Fragment>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Hidden({ head }: { head: string }) {
  return (
    <th role="columnheader" className="narrow">
      <span className="sr-only">{head}</span>
    </th>
  );
}

/** Names and values, below a row or in a dialog. What has no value is left out. */
export function Facts({ facts, boxed }: { facts: Fact[]; boxed?: boolean }) {
  return (
    <dl className={boxed ? "facts boxed" : "facts"}>
      {facts.map(({ name, value, look }) =>
        value == null || value === "" ? null : (
          <div key={name}>
            <dt>{name}</dt>
            <dd className={look}>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

export type Fact = { name: string; value: ReactNode; look?: string };
