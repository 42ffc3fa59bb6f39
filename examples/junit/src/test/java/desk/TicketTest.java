package desk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Each test has its own account, so the tests can run in parallel and in any order. */
class TicketTest {
    private final Account account = new Account();
    private final DeskClient client = new DeskClient(account.baseUrl(), account.apiKey());

    @AfterEach
    void removeAccount() {
        account.close();
    }

    @Test
    void createdTicketIsListed() throws Exception {
        assertEquals(1, client.createTicket("Printer on fire"));
        assertEquals(List.of("Printer on fire"), client.listTitles());
    }

    @Test
    void ticketWithoutTitleIsRejected() throws Exception {
        var error = assertThrows(ApiException.class, () -> client.createTicket(""));
        assertEquals(400, error.status());
        assertTrue(error.getMessage().startsWith("title is required"), error.getMessage());
        assertEquals(List.of(), client.listTitles());
    }

    @Test
    void closedTicketIsNotListedAfterAMonth() throws Exception {
        account.control("PUT", "/clock", """
                {"mode": "frozen", "at": "2026-03-01T12:00:00Z"}""");
        client.closeTicket(client.createTicket("Printer on fire"));
        assertEquals(List.of("Printer on fire"), client.listTitles());
        account.control("POST", "/clock/advance", """
                {"by": "31d"}""");
        assertEquals(List.of(), client.listTitles());
    }
}
