// The ticket story with the Java client of openapi-generator, library `native`. Argument: the key.

import java.util.List;
import org.openapitools.client.ApiClient;
import org.openapitools.client.ApiException;
import org.openapitools.client.api.TicketApi;
import org.openapitools.client.model.Ticket;
import org.openapitools.client.model.TicketList;

public class Story {
    private static TicketApi client;

    public static void main(String[] arguments) throws ApiException {
        ApiClient http = new ApiClient();
        http.setRequestInterceptor(request -> request.header("apiKey", arguments[0]));
        client = new TicketApi(http);
        long first = create("First");
        long second = create("Second");
        long third = create("Third");
        List<Long> ids = List.of(second, third);
        TicketList tickets = client.ticketIndexGET(null, null, null, 2L, null, null);
        expect(tickets.getItemTotal(), 3L);
        expect(tickets.getItems().get(0).getId(), third);
        expect(client.ticketItemGET(first, null).getItem().getStatus().getValue(), "new");
        expect(client.ticketItemPUT(first, "C-78", "Renamed", "solved").getMessage(), "Ticket updated.");
        expect(client.ticketUnlinkCustomerFromTicketPOST(first).getMessage(), "Customer unlinked from ticket.");
        expect(client.ticketSetStatusPOST("pending", ids).getMessage(), "Status of 2 tickets set to pending.");
        expect(client.ticketSetPriorityPOST("urgent", ids).getMessage(), "Priority of 2 tickets set to urgent.");
        String batch = client.ticketBatchPOST(second + ", " + third, "assigned_group_id", "7").getMessage();
        expect(batch, "1 action performed on 2 tickets.");
        Ticket ticket = client.ticketItemGET(second, true).getItem();
        expect(ticket.getStatus().getValue(), "pending");
        expect(ticket.getPriority().getValue(), "urgent");
        expect(ticket.getAssignedGroupId(), 7L);
        boolean hasEvent = ticket.getTimeline().stream()
            .anyMatch(entry -> "assigned_group_id".equals(entry.getTimelineEvent().getItemType()));
        expect(hasEvent, true);
        expect(client.ticketSolveUnfinishedTicketsPUT().getMessage(), "2 tickets solved.");
        expect(client.ticketItemDELETE(first).getMessage(), "Ticket deleted.");
        expect(client.ticketMultiDELETE(ids).getMessage(), "2 tickets deleted.");
        expect(client.ticketIndexGET(null, null, null, null, null, null).getItemTotal(), 0L);
        try {
            client.ticketItemGET(first, null);
            throw new AssertionError("the ticket is deleted");
        } catch (ApiException error) {
            expect(error.getCode(), 400);
            expect(error.getResponseBody().contains("This ticket does not exist."), true);
        }
        System.out.println("story complete");
    }

    private static long create(String title) throws ApiException {
        return client.ticketIndexPOST(
            1L, 1L, "inbound", "thomas@test.com", "service@mybrand.com", title, null, null, null).getTicketID();
    }

    private static void expect(Object actual, Object expected) {
        if (!expected.equals(actual)) {
            throw new AssertionError(actual + " instead of " + expected);
        }
    }
}
