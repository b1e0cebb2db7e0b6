import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { api, type Registration, unwrap } from "../api/client";
import { FormDialog } from "../ui/Dialog";
import { until } from "../ui/format";
import { useNow, useTitle } from "../ui/hooks";
import { PhoneIcon } from "../ui/Icons";
import { Badge, Empty, Failed, Loading, message, PageHead } from "../ui/States";

export function RegistrationsPage() {
  useTitle("Registrations");
  const list = useQuery({
    queryKey: ["registrations"],
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/registrations", { signal })),
    // A refresh of a contact is no event, but moves its end.
    refetchInterval: 30_000,
  });
  const contacts = list.data?.items ?? [];
  return (
    <>
      <PageHead
        title="Registrations"
        note={contacts.length === 1 ? "1 phone is signed in" : `${contacts.length} phones are signed in`}
      />
      {list.isPending ? (
        <Loading />
      ) : list.isError ? (
        <Failed error={list.error} retry={() => void list.refetch()} />
      ) : contacts.length === 0 ? (
        <Empty icon={<PhoneIcon />} title="No phone is signed in">
          <p>A phone shows up here when it registers with its number and password.</p>
        </Empty>
      ) : (
        <RegistrationTable contacts={contacts} />
      )}
    </>
  );
}

function RegistrationTable({ contacts }: { contacts: Registration[] }) {
  const now = useNow();
  const [removing, setRemoving] = useState<Registration>();
  return (
    <div className="card table">
      <table>
        <thead>
          <tr>
            <th>Number</th>
            <th>Phone</th>
            <th>From</th>
            <th className="wide-only">Contact</th>
            <th className="right">Ends</th>
            <th className="narrow">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {contacts.map((contact) => (
            <tr key={contact.id}>
              <td className="number strong">{contact.number}</td>
              <td>{contact.user_agent || <span className="muted">unnamed</span>}</td>
              <td>
                <span className="row">
                  <span className="number">{contact.source}</span>
                  <Badge tone="plain">{contact.transport}</Badge>
                </span>
              </td>
              <td className="wide-only code">{contact.contact}</td>
              <td className="right number">{until(contact.expires_at, now)}</td>
              <td className="narrow">
                <button
                  type="button"
                  className="danger quiet"
                  aria-label={`Remove the registration of ${contact.number} from ${contact.source}`}
                  onClick={() => setRemoving(contact)}
                >
                  Remove
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {removing && <RemoveDialog contact={removing} onClose={() => setRemoving(undefined)} />}
    </div>
  );
}

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
