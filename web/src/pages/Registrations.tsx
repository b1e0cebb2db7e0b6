import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Registration, unwrap } from "../api/client";
import { FormDialog } from "../ui/Dialog";
import { useTitle, useTypedFilter } from "../ui/hooks";
import { PhoneIcon } from "../ui/Icons";
import { Listing } from "../ui/Listing";
import { Search } from "../ui/Search";
import { Badge, Empty, message, PageHead } from "../ui/States";
import { type Column, Table } from "../ui/Table";
import { Remaining } from "../ui/Time";

export function RegistrationsPage() {
  useTitle("Registrations");
  const [typed, setTyped, number] = useTypedFilter("number");
  const [removing, setRemoving] = useState<Registration>();
  const list = useInfiniteQuery({
    queryKey: ["registrations", "pages", number],
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: 500, ...(number && { number }), ...(pageParam && { cursor: pageParam }) };
      return unwrap(api.GET("/api/v1/registrations", { params: { query }, signal }));
    },
    initialPageParam: "",
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // The refresh of a contact has no event, but moves its end.
    refetchInterval: 30_000,
  });
  const contacts = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <PageHead title="Registrations" note="Phones that are signed in, and their addresses">
        <Search label="Number" placeholder="Number" maxLength={32} value={typed} onChange={setTyped} />
      </PageHead>
      <Listing
        query={list}
        count={contacts.length}
        empty={
          <Empty icon={<PhoneIcon />} title={number ? "Nothing found" : "No phone is signed in"}>
            <p>
              {number
                ? `No phone is signed in as ${number}.`
                : "A phone shows up here when it registers with its number and password."}
            </p>
          </Empty>
        }
      >
        <Table
          items={contacts}
          id={(contact) => contact.id}
          columns={COLUMNS}
          actions={(contact) => (
            <button
              type="button"
              className="danger quiet"
              aria-label={`Remove the registration of ${contact.number} from ${contact.source}`}
              onClick={() => setRemoving(contact)}
            >
              Remove
            </button>
          )}
        />
      </Listing>
      {removing && <RemoveDialog contact={removing} onClose={() => setRemoving(undefined)} />}
    </>
  );
}

const COLUMNS: Column<Registration>[] = [
  { head: "Number", look: "number strong", show: (contact) => contact.number },
  { head: "Phone", show: (contact) => contact.user_agent || <span className="muted">unnamed</span> },
  {
    head: "From",
    show: (contact) => (
      <span className="row">
        <span className="number">{contact.source}</span>
        <Badge tone="plain">{contact.transport}</Badge>
        {contact.push_provider && <Badge tone="plain">push</Badge>}
        {contact.flow_lost && <Badge tone="plain">connection lost</Badge>}
      </span>
    ),
  },
  { head: "Contact", look: "wide-only code", show: (contact) => contact.contact },
  { head: "Ends", look: "right number", show: (contact) => <Remaining until={contact.expires_at} /> },
];

function RemoveDialog({ contact, onClose }: { contact: Registration; onClose: () => void }) {
  const client = useQueryClient();
  const remove = useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/v1/registrations/{id}", { params: { path: { id: contact.id } } })),
    onSettled: () => client.invalidateQueries({ queryKey: ["registrations"] }),
    onSuccess: onClose,
  });
  return (
    <FormDialog
      title="Remove registration?"
      submit="Remove"
      danger
      busy={remove.isPending}
      error={remove.error ? message(remove.error) : undefined}
      onSubmit={() => remove.mutate()}
      onClose={onClose}
    >
      <p>
        The phone of <b>{contact.number}</b> at <b>{contact.source}</b> is not reached until it signs in again. To keep
        it out, change the extension's password as well.
      </p>
    </FormDialog>
  );
}
