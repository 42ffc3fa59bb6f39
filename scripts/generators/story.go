// The ticket story with the Go client of openapi-generator. Argument: the key.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	client "ticketclient"
)

func main() {
	key := client.APIKey{Key: os.Args[1]}
	keys := map[string]client.APIKey{"header": key}
	ctx := context.WithValue(context.Background(), client.ContextAPIKeys, keys)
	api := client.NewAPIClient(client.NewConfiguration()).TicketAPI
	create := func(title string) int64 {
		created, _, err := api.TicketIndexPOST(ctx).BrandID(1).ChannelID(1).Direction("inbound").
			From("thomas@test.com").To("service@mybrand.com").Title(title).Execute()
		check(err)
		return created.TicketID
	}
	first, second, third := create("First"), create("Second"), create("Third")
	ids := []int64{second, third}
	tickets, _, err := api.TicketIndexGET(ctx).ItemLimit(2).Execute()
	check(err)
	expect(tickets.ItemTotal, int64(3))
	expect(tickets.Items[0].Id, third)
	item, _, err := api.TicketItemGET(ctx, first).Execute()
	check(err)
	expect(item.Item.Status, "new")
	expectMessage("Ticket updated.")(api.TicketItemPUT(ctx, first).ExternalPrimaryID("C-78").Title("Renamed").Status("solved").Execute())
	expectMessage("Customer unlinked from ticket.")(api.TicketUnlinkCustomerFromTicketPOST(ctx).TicketID(first).Execute())
	expectMessage("Status of 2 tickets set to pending.")(api.TicketSetStatusPOST(ctx).Status("pending").TicketIDs(ids).Execute())
	expectMessage("Priority of 2 tickets set to urgent.")(api.TicketSetPriorityPOST(ctx).Priority("urgent").TicketIDs(ids).Execute())
	batch := api.TicketBatchPOST(ctx).TicketIDs(fmt.Sprintf("%d, %d", second, third))
	expectMessage("1 action performed on 2 tickets.")(batch.Actions0ActionType("assigned_group_id").Actions0Value("7").Execute())
	item, _, err = api.TicketItemGET(ctx, second).GetTicketHistory(true).Execute()
	check(err)
	ticket := item.Item
	expect(fmt.Sprint(ticket.Status, ticket.Priority, ticket.AssignedGroupId), "pendingurgent7")
	hasEvent := false
	for _, entry := range ticket.Timeline {
		hasEvent = hasEvent || entry.TimelineEvent.ItemType == "assigned_group_id"
	}
	expect(hasEvent, true)
	expectMessage("2 tickets solved.")(api.TicketSolveUnfinishedTicketsPUT(ctx).Execute())
	expectMessage("Ticket deleted.")(api.TicketItemDELETE(ctx, first).Execute())
	expectMessage("2 tickets deleted.")(api.TicketMultiDELETE(ctx).TicketIDs(ids).Execute())
	tickets, _, err = api.TicketIndexGET(ctx).Execute()
	check(err)
	expect(tickets.ItemTotal, int64(0))
	_, response, err := api.TicketItemGET(ctx, first).Execute()
	expect(response.StatusCode, 400)
	problem := err.(*client.GenericOpenAPIError).Model().(client.ErrorResponse)
	expect(problem.Message, "This ticket does not exist.")
	fmt.Println("story complete")
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func expect[T comparable](actual, expected T) {
	if actual != expected {
		panic(fmt.Sprintf("%v instead of %v", actual, expected))
	}
}

func expectMessage(expected string) func(*client.OperationResult, *http.Response, error) {
	return func(result *client.OperationResult, _ *http.Response, err error) {
		check(err)
		expect(result.Message, expected)
	}
}
