package desk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.opentest4j.AssertionFailedError;

/** Recipes: how a test verifies the requests of its client, and how it injects a fault. */
class RecipesTest {
    private static final Duration TIMEOUT = Duration.ofSeconds(1);
    private static final String TITLE = "Order 4711: printer on fire";
    /** A search for the order number finds both, and a search for the title finds the second. */
    private static final List<String> SIMILAR_TITLES =
            List.of("Order 47110: printer on fire", "Order 4711: printer on fire again");

    private final Account account = new Account();

    @AfterEach
    void removeAccount() {
        account.close();
    }

    @Test
    void exactlyOneTicketIsSolved() throws Exception {
        var client = new DeskClient(account.baseUrl(), account.apiKey());
        client.createTicket("Printer on fire");
        client.solveTickets(client.createTicket("Out of paper"));
        account.control("POST", "/verify", """
                {"operation": "ticket.setStatus", "fields": {"status": "solved", "ticketIDs": [2]},
                 "count": {"exactly": 1}}""");
    }

    @ParameterizedTest
    @MethodSource("lostResponses")
    void retryAfterLostResponseCreatesNoSecondTicket(String effect) throws Exception {
        int id = createTicketDespiteFault(new RetryingClient(account.baseUrl(), account.apiKey(), TIMEOUT), effect);
        verifyOneTicketWasCreated();
        assertEquals(List.of(id), listTicketsWithTitle(), "the client returns the id of the new ticket");
    }

    @ParameterizedTest
    @MethodSource("unexecutedRequests")
    void retryOfUnexecutedRequestCreatesTheTicket(String effect) throws Exception {
        int id = createTicketDespiteFault(new RetryingClient(account.baseUrl(), account.apiKey(), TIMEOUT), effect);
        verifyOneTicketWasCreated();
        assertEquals(List.of(id), listTicketsWithTitle(), "the client returns the id of the new ticket");
    }

    @ParameterizedTest
    @MethodSource("lostResponses")
    void naiveClientCreatesTwoTickets(String effect) throws Exception {
        createTicketDespiteFault(new NaiveClient(account.baseUrl(), account.apiKey(), TIMEOUT), effect);
        var error = assertThrows(AssertionFailedError.class, this::verifyOneTicketWasCreated);
        assertTrue(error.getMessage().contains("Found 2 among 4 requests"), error.getMessage());
    }

    /** Effects of faults: the server creates the ticket, but the client gets no valid response. */
    private static List<String> lostResponses() {
        return List.of("""
                {"drop_response": "reset"}""", """
                {"drop_response": "hang"}""", """
                {"drop_response": 503}""", """
                {"truncate": 10}""", """
                {"malformed": true}""");
    }

    /** Effects of faults: the client gets no valid response either, but the server has not created the ticket. */
    private static List<String> unexecutedRequests() {
        return List.of("""
                {"status": 503}""", """
                {"reset_connection": true}""");
    }

    private int createTicketDespiteFault(DeskClient client, String effect) throws Exception {
        for (String title : SIMILAR_TITLES) {
            new DeskClient(account.baseUrl(), account.apiKey()).createTicket(title);
        }
        account.control("POST", "/faults", """
                {"operation": "ticket.create", "first": 1, "effect": %s}""".formatted(effect));
        return client.createTicket(TITLE);
    }

    private void verifyOneTicketWasCreated() {
        account.control("POST", "/verify", """
                {"operation": "ticket.create", "changed": true, "fields": {"title": "%s"},
                 "count": {"exactly": 1}}""".formatted(TITLE));
    }

    /** Returns the ids of the tickets that got this title, by any operation. */
    private List<Integer> listTicketsWithTitle() {
        var ids = new ArrayList<Integer>();
        for (JsonNode change : account.control("GET", "/changes", "").get("changes")) {
            for (JsonNode row : change.get("rows")) {
                for (JsonNode column : row.get("columns")) {
                    if (column.get("column").asText().equals("title") && column.get("to").asText().equals(TITLE)) {
                        ids.add(row.get("id").asInt());
                    }
                }
            }
        }
        return ids;
    }

    /** The same client with a common mistake: it repeats the request without a search for the ticket. */
    private static final class NaiveClient extends RetryingClient {
        NaiveClient(String baseUrl, String apiKey, Duration timeout) {
            super(baseUrl, apiKey, timeout);
        }

        @Override
        protected OptionalInt findTicket(String title) {
            return OptionalInt.empty();
        }
    }
}
